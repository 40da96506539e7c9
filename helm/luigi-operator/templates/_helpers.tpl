{{/*
Copyright The luigi-operator authors
SPDX-License-Identifier: Apache-2.0
*/}}

{{- define "luigi-operator.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Base name of all objects of the release. */}}
{{- define "luigi-operator.fullname" -}}
{{- $name := include "luigi-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Name of cluster-scoped objects; it contains the namespace, because releases in other namespaces may have the same name. */}}
{{- define "luigi-operator.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "luigi-operator.fullname" .) -}}
{{- end -}}

{{- define "luigi-operator.mysqlName" -}}
{{- include "luigi-operator.fullname" . }}-mysql
{{- end -}}

{{- define "luigi-operator.serviceAccountName" -}}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.name is missing: set it to an existing ServiceAccount, or set serviceAccount.create to true" -}}
{{- end -}}
{{- .Values.serviceAccount.name | default (include "luigi-operator.fullname" .) -}}
{{- end -}}

{{/* User name of the operator at the API server. */}}
{{- define "luigi-operator.username" -}}
{{- printf "system:serviceaccount:%s:%s" .Release.Namespace (include "luigi-operator.serviceAccountName" .) -}}
{{- end -}}

{{- define "luigi-operator.labels" -}}
{{- include "luigi-operator.chartLabels" . }}
{{- include "luigi-operator.ownLabels" (list . "commonLabels" dict) }}
{{- end -}}

{{/* Without the version of the chart, so that a new chart with unchanged pods does not restart them. */}}
{{- define "luigi-operator.podLabels" -}}
{{- include "luigi-operator.fixedLabels" . }}
{{- include "luigi-operator.ownLabels" (list . "commonLabels" dict) }}
{{- end -}}

{{- define "luigi-operator.chartLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "luigi-operator.fixedLabels" . }}
{{- end -}}

{{- define "luigi-operator.fixedLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: luigi-operator
{{ include "luigi-operator.baseLabels" . }}
{{- end -}}

{{/*
Labels of the user, each on a line of its own: commonLabels and those that override them. The arguments are the root
context, the name of the value with the overriding labels, and these labels.
*/}}
{{- define "luigi-operator.ownLabels" -}}
{{- $value := index . 1 -}}
{{- $common := (first .).Values.commonLabels | default dict -}}
{{- range $label, $text := merge (deepCopy (last . | default dict)) $common -}}
{{- if regexMatch "^(app\\.kubernetes\\.io|helm\\.sh)/" $label -}}
{{- fail (printf "%s must not contain %s, because the chart sets it: remove it" (hasKey $common $label | ternary "commonLabels" $value) $label) -}}
{{- end }}
{{ $label }}: {{ $text | quote }}
{{- end -}}
{{- end -}}

{{- define "luigi-operator.baseLabels" -}}
app.kubernetes.io/name: {{ include "luigi-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Selects the pods of the operator and no others. */}}
{{- define "luigi-operator.selectorLabels" -}}
{{ include "luigi-operator.baseLabels" . }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "luigi-operator.mysqlSelectorLabels" -}}
{{ include "luigi-operator.baseLabels" . }}
app.kubernetes.io/component: mysql
{{- end -}}

{{/* Reference of an image: the root context and the values of the image. */}}
{{- define "luigi-operator.image" -}}
{{- $image := last . -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default (first .).Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Those of the chart and of the parent chart, which may be names. */}}
{{- define "luigi-operator.imagePullSecrets" -}}
{{- $all := list -}}
{{- range concat .Values.imagePullSecrets ((.Values.global | default dict).imagePullSecrets | default list) -}}
{{- $all = append $all (kindIs "string" . | ternary (dict "name" .) .) -}}
{{- end -}}
{{- with $all | uniq }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What the Pod Security level "restricted" requires of a container, and a read-only root file system. */}}
{{- define "luigi-operator.containerSecurity" -}}
{{- $required := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) -}}
{{- toYaml (mergeOverwrite $required (deepCopy .Values.securityContext)) -}}
{{- end -}}

{{- define "luigi-operator.podSecurity" -}}
{{- $required := dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- toYaml (mergeOverwrite $required (deepCopy .Values.podSecurityContext)) -}}
{{- end -}}

{{/*
Host, Secret and Secret of the CA (which may be empty) of the MySQL server as YAML. Fails if values contradict each other, with a message that says what to do.
*/}}
{{- define "luigi-operator.mysql" -}}
{{- with .Values.mysql -}}
{{- if and .caSecret (not (hasPrefix "VERIFY_" .sslMode)) -}}
{{- fail (printf "mysql.caSecret has no effect with mysql.sslMode %s: set mysql.sslMode to VERIFY_CA or VERIFY_IDENTITY" .sslMode) -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.profile "demo" -}}
{{- if or .Values.mysql.host .Values.mysql.existingSecret .Values.mysql.caSecret -}}
{{- fail "profile demo installs its own MySQL server: leave mysql.host, mysql.existingSecret and mysql.caSecret empty, or set profile to production" -}}
{{- end -}}
{{- if contains "-" .Values.mysql.database -}}
{{- fail "with profile demo, mysql.database may contain only letters, digits and _: choose another name" -}}
{{- end -}}
host: {{ include "luigi-operator.mysqlName" . }}
secret: {{ include "luigi-operator.mysqlName" . }}
ca: {{ hasPrefix "VERIFY_" .Values.mysql.sslMode | ternary (include "luigi-operator.mysqlName" .) "" | quote }}
{{- else -}}
{{- if not .Values.mysql.host -}}
{{- fail "mysql.host is missing: set it to the host name of your MySQL server, or try the operator with --set profile=demo" -}}
{{- end -}}
{{- if not .Values.mysql.existingSecret -}}
{{- fail "mysql.existingSecret is missing: create a Secret with the keys username and password in the namespace of the release and set mysql.existingSecret to its name" -}}
{{- end -}}
{{- if not .Values.clusterId -}}
{{- fail "clusterId is missing: set it to a name of this Kubernetes cluster that no other cluster with the same MySQL database uses" -}}
{{- end -}}
host: {{ .Values.mysql.host | quote }}
secret: {{ .Values.mysql.existingSecret | quote }}
ca: {{ .Values.mysql.caSecret | quote }}
{{- end }}
{{- end -}}

{{/* The head starts in the format of the operator. A priority must not have a smaller one than the next lower priority. */}}
{{- define "luigi-operator.headStarts" -}}
{{- with .Values.priorities.headStartSeconds -}}
{{- if or (gt (int64 .low) (int64 .normal)) (gt (int64 .normal) (int64 .high)) (gt (int64 .high) (int64 .critical)) -}}
{{- fail "priorities.headStartSeconds must not decrease from low to normal, high and critical: correct the values" -}}
{{- end -}}
{{- printf "Low=%d,Normal=%d,High=%d,Critical=%d" (int64 .low) (int64 .normal) (int64 .high) (int64 .critical) -}}
{{- end -}}
{{- end -}}

{{/* CEL: the user is not the operator, and not that of another release. */}}
{{- define "luigi-operator.notAnOperator" -}}
{{- $users := prepend .Values.admissionPolicies.exemptUsers (include "luigi-operator.username" .) -}}
!(request.userInfo.username in [{{ range $i, $user := $users }}{{ if $i }}, {{ end }}'{{ $user }}'{{ end }}])
{{- end -}}

{{/*
CEL: an object with a pipeline is new, or fields have changed that reach its pods. Those of the clients are compared in
their order, which kubectl keeps. Unchanged clients are not compared one by one, because evaluation has a cost limit.
*/}}
{{- define "luigi-operator.podChanged" -}}
has(object.spec.pipeline) && (request.operation == 'CREATE' || !has(oldObject.spec.pipeline)
|| object.spec.pipeline != oldObject.spec.pipeline
|| object.kind == 'PipelineRun'
&& object.spec.?activeDeadlineSeconds != oldObject.spec.?activeDeadlineSeconds
|| object.kind == 'PipelineSchedule' && object.spec.?clients != oldObject.spec.?clients
&& {{ include "luigi-operator.protectedParameters" "object" }}
!= {{ include "luigi-operator.protectedParameters" "oldObject" }})
{{- end -}}

{{/* CEL: the parameters of clients that runs may not set themselves. */}}
{{- define "luigi-operator.protectedParameters" -}}
{{ . }}.spec.?clients.orValue([]).map(client, [[client.id]] + client.?parameters.orValue([]).filter(parameter,
!(parameter.name in {{ . }}.spec.pipeline.?allow.?parameters.orValue([]))).map(parameter,
[parameter.name, parameter.value])).filter(list, list.size() > 1)
{{- end -}}

{{/*
CEL: a PipelineRun has a new owner, with which the garbage collector deletes it, maybe at once, or now counts as created
by the operator, which deletes it some time after its end.
*/}}
{{- define "luigi-operator.letsDelete" -}}
object.metadata.?ownerReferences.orValue([]).exists(owner,
!oldObject.metadata.?ownerReferences.orValue([]).exists(old, old.uid == owner.uid && old.name == owner.name
&& old.kind == owner.kind && old.apiVersion == owner.apiVersion))
|| object.metadata.?labels['app.kubernetes.io/managed-by'].orValue('') == 'luigi-operator'
&& oldObject.metadata.?labels['app.kubernetes.io/managed-by'].orValue('') != 'luigi-operator'
{{- end -}}
