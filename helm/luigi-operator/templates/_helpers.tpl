{{/*
Copyright The luigi-operator authors
SPDX-License-Identifier: Apache-2.0
*/}}

{{/* The name of everything in this release. */}}
{{- define "luigi-operator.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of objects that belong to no namespace: two releases of one name in two namespaces must not meet. */}}
{{- define "luigi-operator.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "luigi-operator.fullname" .) -}}
{{- end -}}

{{- define "luigi-operator.mysqlName" -}}
{{- include "luigi-operator.fullname" . }}-mysql
{{- end -}}

{{- define "luigi-operator.serviceAccountName" -}}
{{- include "luigi-operator.fullname" . -}}
{{- end -}}

{{/* The user name under which the API server knows the operator. */}}
{{- define "luigi-operator.username" -}}
{{- printf "system:serviceaccount:%s:%s" .Release.Namespace (include "luigi-operator.serviceAccountName" .) -}}
{{- end -}}

{{- define "luigi-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: luigi-operator
{{ include "luigi-operator.baseLabels" . }}
{{- end -}}

{{- define "luigi-operator.baseLabels" -}}
app.kubernetes.io/name: luigi-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What selects the pods of the operator, and only them. */}}
{{- define "luigi-operator.selectorLabels" -}}
{{ include "luigi-operator.baseLabels" . }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "luigi-operator.mysqlSelectorLabels" -}}
{{ include "luigi-operator.baseLabels" . }}
app.kubernetes.io/component: mysql
{{- end -}}

{{- define "luigi-operator.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* What Pod Security "restricted" asks of a container, and a root file system nobody can change. */}}
{{- define "luigi-operator.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "luigi-operator.podSecurity" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/*
Where the ledger is, as YAML: host, port, database, secret. Also refuses values that contradict each other, with
a sentence that says what to do.
*/}}
{{- define "luigi-operator.mysql" -}}
{{- with .Values.mysql -}}
{{- if and .caSecret (not (hasPrefix "VERIFY_" .sslMode)) -}}
{{- fail (printf "mysql.caSecret has no effect with mysql.sslMode %s: set mysql.sslMode to VERIFY_CA or VERIFY_IDENTITY" .sslMode) -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.profile "demo" -}}
{{- if or .Values.mysql.host .Values.mysql.existingSecret .Values.mysql.caSecret -}}
{{- fail "profile demo brings its own MySQL server: leave mysql.host, mysql.existingSecret and mysql.caSecret empty, or use profile production" -}}
{{- end -}}
{{- if hasPrefix "VERIFY_" .Values.mysql.sslMode -}}
{{- fail "profile demo: its server makes its own certificate, which nothing can verify: leave mysql.sslMode at REQUIRED" -}}
{{- end -}}
{{- if contains "-" .Values.mysql.database -}}
{{- fail "profile demo: mysql.database may hold letters, digits and _ only" -}}
{{- end -}}
host: {{ include "luigi-operator.mysqlName" . }}
secret: {{ include "luigi-operator.mysqlName" . }}
{{- else -}}
{{- if not .Values.mysql.host -}}
{{- fail "mysql.host is missing: set it to the host of your MySQL server, or try the chart with --set profile=demo" -}}
{{- end -}}
{{- if not .Values.mysql.existingSecret -}}
{{- fail "mysql.existingSecret is missing: create a Secret with the keys username and password in the release's namespace and set mysql.existingSecret to its name" -}}
{{- end -}}
{{- if not .Values.clusterId -}}
{{- fail "clusterId is missing: choose a name for this Kubernetes cluster that no other cluster on the same MySQL database has" -}}
{{- end -}}
host: {{ .Values.mysql.host | quote }}
secret: {{ .Values.mysql.existingSecret | quote }}
{{- end }}
{{- end -}}

{{/* The head starts as the operator reads them. A class may not start behind the one below it. */}}
{{- define "luigi-operator.headStarts" -}}
{{- with .Values.priorities.headStartSeconds -}}
{{- if or (gt (int64 .low) (int64 .normal)) (gt (int64 .normal) (int64 .high)) (gt (int64 .high) (int64 .critical)) -}}
{{- fail "priorities.headStartSeconds must not fall from low over normal and high to critical" -}}
{{- end -}}
{{- printf "Low=%d,Normal=%d,High=%d,Critical=%d" (int64 .low) (int64 .normal) (int64 .high) (int64 .critical) -}}
{{- end -}}
{{- end -}}
