/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.OperatorFixture;
import io.luigioperator.job.Kube.NamespaceState;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.RunKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RetiredNamespacesTest {

  private static final String NAMESPACE = OperatorFixture.key("a").namespace();

  private final OperatorFixture fixture = new OperatorFixture();
  private final List<RunKey> woken = new ArrayList<>();
  private final Sweep sweep = fixture.sweep(woken::add);

  @BeforeEach
  void namespaceIsGone() {
    fixture.accepted("a").objectDeleted("a");
    fixture.kube.namespace = NamespaceState.ABSENT;
    fixture.at(Duration.ofHours(1));
  }

  private void held(String reason) {
    fixture.ledger.runs().hold(OperatorFixture.key("a"), reason, "").orElseThrow();
  }

  private void retired(Duration sinceStart) {
    fixture.kube.retiredNamespaces.put(NAMESPACE, OperatorFixture.T0.plus(sinceStart));
  }

  private String afterAPass() {
    sweep.pass();
    return fixture.stateAndReason("a");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        Reasons.NAMESPACE_MISSING,
        Reasons.MASS_DELETION,
        Reasons.DELETION_UNCONFIRMED,
        Reasons.INTERNAL_ERROR,
        Reasons.HELD
      })
  void heldRunsEndWhenAPersonRetiresTheirNamespace(String reason) {
    held(reason);
    assertThat(afterAPass()).as("absence alone proves nothing").isEqualTo("HELD " + reason);
    retired(Duration.ofHours(1));
    assertThat(afterAPass()).isEqualTo("CANCELED NamespaceRetired");
    assertThat(fixture.run("a").stateDetails().message()).contains(NAMESPACE);
    assertThat(woken).contains(OperatorFixture.key("a"));
  }

  @Test
  void aRunThatIsAcceptedLaterStaysHeld() {
    held(Reasons.NAMESPACE_MISSING);
    retired(Duration.ZERO);
    assertThat(afterAPass()).isEqualTo("HELD NamespaceMissing");
  }

  @Test
  void aTimeInTheFutureIsIgnored() {
    held(Reasons.NAMESPACE_MISSING);
    retired(Duration.ofHours(2));
    assertThat(afterAPass()).isEqualTo("HELD NamespaceMissing");
    fixture.at(Duration.ofHours(2));
    assertThat(afterAPass()).isEqualTo("CANCELED NamespaceRetired");
  }

  @Test
  void aNamespaceThatExistsIsLeftAlone() {
    held(Reasons.MASS_DELETION);
    retired(Duration.ofHours(1));
    fixture.kube.namespace = NamespaceState.TERMINATING;
    assertThat(afterAPass()).isEqualTo("HELD MassDeletion");
    fixture.kube.namespace = NamespaceState.ACTIVE;
    assertThat(afterAPass()).isEqualTo("HELD MassDeletion");
  }

  @Test
  void anotherNamespaceIsLeftAlone() {
    held(Reasons.NAMESPACE_MISSING);
    fixture.kube.retiredNamespaces.put("other", fixture.now());
    assertThat(afterAPass()).isEqualTo("HELD NamespaceMissing");
  }

  @Test
  void anotherClusterBehindTheAddressProvesNothing() {
    held(Reasons.NAMESPACE_MISSING);
    retired(Duration.ofHours(1));
    fixture.kube.identity = "another";
    assertThat(afterAPass()).isEqualTo("HELD NamespaceMissing");
  }
}
