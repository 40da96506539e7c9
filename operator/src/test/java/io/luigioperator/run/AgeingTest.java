/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static io.luigioperator.run.SnapshotBuilder.T0;
import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.api.Priority;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class AgeingTest {

  @Test
  void higherPriorityOvertakesOnlyWithinItsHeadStart() {
    Instant normal = Ageing.DEFAULT.admitAt(Priority.Normal, T0);

    assertThat(Ageing.DEFAULT.admitAt(Priority.High, T0.plusSeconds(3 * 3600 - 1)))
        .isBefore(normal);
    assertThat(Ageing.DEFAULT.admitAt(Priority.High, T0.plusSeconds(3 * 3600 + 1))).isAfter(normal);
  }
}
