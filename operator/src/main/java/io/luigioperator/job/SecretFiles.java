/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.job;

import io.fabric8.kubernetes.api.model.CSIVolumeSource;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.ProjectedVolumeSource;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.VolumeMount;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** Where the container of the pipeline finds the content of Secrets and its tokens. */
final class SecretFiles {

  /** The most paths that the runner accepts. */
  private static final int MAX_PATHS = 64;

  private static final String SECRETS_STORE = "secrets-store.csi.k8s.io";

  private SecretFiles() {}

  /** The mount paths of volumes with Secrets or tokens, at most as many as the runner accepts. */
  static List<String> paths(PodSpec pod, Container container) {
    Set<String> secret =
        pod.getVolumes().stream()
            .filter(SecretFiles::holdsSecret)
            .map(Volume::getName)
            .collect(Collectors.toSet());
    return container.getVolumeMounts().stream()
        .filter(mount -> secret.contains(mount.getName()))
        .map(VolumeMount::getMountPath)
        .distinct()
        .limit(MAX_PATHS)
        .toList();
  }

  private static boolean holdsSecret(Volume volume) {
    ProjectedVolumeSource projected = volume.getProjected();
    CSIVolumeSource csi = volume.getCsi();
    return volume.getSecret() != null
        || csi != null && SECRETS_STORE.equals(csi.getDriver())
        || projected != null
            && projected.getSources().stream()
                .anyMatch(s -> s.getSecret() != null || s.getServiceAccountToken() != null);
  }
}
