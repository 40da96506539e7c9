/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import io.luigioperator.OperatorFixture;
import io.luigioperator.run.Reasons;
import io.luigioperator.run.Run;
import io.luigioperator.run.RunKey;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class HeldRunsTest {

  private final OperatorFixture fixture = new OperatorFixture();
  private final HeldRuns heldRuns = new HeldRuns(fixture.ledger.queries());

  private void held(int count) {
    for (int i = 0; i < count; i++) {
      fixture.accepted("c" + i);
      fixture.ledger.runs().hold(OperatorFixture.key("c" + i), Reasons.NAMESPACE_MISSING, "");
    }
  }

  @Test
  void runsThatStayHeldDoNotHideTheOthers() {
    int all = 2 * HeldRuns.PAGE + 10;
    held(all);
    Set<RunKey> seen = new HashSet<>();
    for (int pass = 0; pass < 3; pass++) {
      List<Run> page = heldRuns.next(Reasons.NAMESPACE_MISSING);
      assertThat(page).hasSizeLessThanOrEqualTo(HeldRuns.PAGE);
      page.forEach(run -> seen.add(run.key()));
    }
    assertThat(seen).hasSize(all);
    assertThat(heldRuns.next(Reasons.NAMESPACE_MISSING)).as("from the start").isNotEmpty();
  }

  @Test
  void theFirstPageFollowsAnEmptyOne() {
    held(HeldRuns.PAGE);
    List<Run> page = heldRuns.next(Reasons.NAMESPACE_MISSING);
    assertThat(page).hasSize(HeldRuns.PAGE);
    assertThat(heldRuns.next(Reasons.NAMESPACE_MISSING)).isEqualTo(page);
    assertThat(heldRuns.next(Reasons.HELD)).isEmpty();
  }
}
