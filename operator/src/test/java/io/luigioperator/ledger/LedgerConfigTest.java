/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.luigioperator.ledger.LedgerConfig.Ssl;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class LedgerConfigTest {

  private static LedgerConfig with(String host, Ssl ssl, Optional<Path> ca, int poolSize) {
    return new LedgerConfig(host, 3306, "luigi", "operator", Path.of("secret"), ssl, ca, poolSize);
  }

  @Test
  void anIpv6AddressIsPutInBrackets() {
    assertThat(with("fd00::1", Ssl.REQUIRED, Optional.empty(), 8).url())
        .isEqualTo("jdbc:mysql://[fd00::1]:3306/luigi");
  }

  @Test
  void aCaFileIsRefusedWhereCertificatesAreNotVerified() {
    assertThatThrownBy(() -> with("db", Ssl.REQUIRED, Optional.of(Path.of("ca.pem")), 8))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("VERIFY_CA");
  }

  @Test
  void aPoolOfOneIsTooSmall() {
    assertThatThrownBy(() -> with("db", Ssl.REQUIRED, Optional.empty(), 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at least 2");
  }
}
