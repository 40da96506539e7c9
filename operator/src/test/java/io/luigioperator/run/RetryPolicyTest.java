/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class RetryPolicyTest {

  @Test
  void backoffDoublesUpToItsBound() {
    RetryPolicy policy = new RetryPolicy(Duration.ofSeconds(5), Duration.ofSeconds(60));

    assertThat(policy.delayAfter(1)).hasSeconds(5);
    assertThat(policy.delayAfter(3)).hasSeconds(20);
    assertThat(policy.delayAfter(5)).hasSeconds(60);
    assertThat(policy.delayAfter(1000)).hasSeconds(60);
  }
}
