------------------------------ MODULE Restored ------------------------------
(* Copyright The luigi-operator authors                                      *)
(* SPDX-License-Identifier: Apache-2.0                                       *)
(*                                                                           *)
(* A ledger that was lost, or restored from a backup, after a run had ended: *)
(* its row does not exist, or waits again. The status of the PipelineRun     *)
(* shows the end, and then the run is never run again. README.md beside this *)
(* file says what the model covers.                                          *)
(*                                                                           *)
(* The database goes back only while the run has ended and its status shows  *)
(* that: the page docs/protocol.md says what happens in other cases.         *)
(* Operators read statuses as they are: a restore takes longer than a watch  *)
(* lags.                                                                     *)
EXTENDS Naturals

CONSTANTS
  Clusters,      \* that share the ledger, e.g. {1, 2}
  OlderRows,     \* TRUE: the row can also be replaced by an older one, which waits
  MaxAtt,        \* attempts that a row allows
  Losses,        \* how many times the database goes back
  Fault          \* "none", or the name of an error that is built in on purpose

None == 0
NoRow == [st |-> "NONE", n |-> 0, at |-> None]

VARIABLES
  row,           \* state, number of claims, cluster of the live attempt
  obj,           \* cluster -> its PipelineRun: NONE, OPEN, or FINAL in its status
  losses,        \* how many times the database has gone back
  again          \* a pod has started after a status had shown the end

vars == <<row, obj, losses, again>>

Init ==
  /\ row = NoRow
  /\ obj \in {o \in [Clusters -> {"NONE", "OPEN"}] : \E c \in Clusters : o[c] = "OPEN"}
  /\ losses = 0 /\ again = FALSE

Waits == row.st = "READY"

\* A PipelineRun that has no row enters the ledger; with its end, if it shows one.
Accept(c) ==
  /\ row = NoRow /\ obj[c] # "NONE"
  /\ row' = [NoRow EXCEPT !.st = IF obj[c] = "FINAL" /\ Fault # "statusignored"
                                 THEN "ENDED" ELSE "READY"]
  /\ UNCHANGED <<obj, losses, again>>

\* A row that waits although the status shows an end takes over that end.
RestoreOutcome(c) ==
  /\ Waits /\ obj[c] = "FINAL"
  /\ row' = [row EXCEPT !.st = "ENDED"]
  /\ UNCHANGED <<obj, losses, again>>

\* A cluster that claims a run without having a PipelineRun for it creates one.
CreateHere(c) ==
  /\ Waits /\ obj[c] = "NONE"
  /\ obj' = [obj EXCEPT ![c] = "OPEN"]
  /\ UNCHANGED <<row, losses, again>>

\* Before a claim the operator looks at the status of the PipelineRun in its cluster.
\* A claim whose pod never starts is not distinguished from one whose pod does.
Claim(c) ==
  /\ Waits /\ row.n < MaxAtt
  /\ obj[c] = "OPEN" \/ Fault = "rowtrusted" \/ Fault = "statusignored"
  /\ row' = [st |-> "ACTIVE", n |-> row.n + 1, at |-> c]
  /\ again' = (again \/ \E k \in Clusters : obj[k] = "FINAL")
  /\ UNCHANGED <<obj, losses>>

Finish(c) ==
  /\ row.st = "ACTIVE" /\ row.at = c
  /\ \E s \in {"ENDED", "READY"} :
       row' = [row EXCEPT !.st = IF row.n = MaxAtt THEN "ENDED" ELSE s, !.at = None]
  /\ UNCHANGED <<obj, losses, again>>

\* The operator of each cluster writes the end into the status of its PipelineRun.
ShowEnd(c) ==
  /\ row.st = "ENDED" /\ obj[c] = "OPEN"
  /\ obj' = [obj EXCEPT ![c] = "FINAL"]
  /\ UNCHANGED <<row, losses, again>>

GoesBack ==
  /\ losses < Losses /\ losses' = losses + 1
  /\ row.st = "ENDED"
  /\ \A c \in Clusters : obj[c] # "OPEN"
  /\ \/ row' = NoRow
     \/ OlderRows /\ \E n \in 0..(MaxAtt - 1) :
                       row' = [NoRow EXCEPT !.st = "READY", !.n = n]
  /\ UNCHANGED <<obj, again>>

Next ==
  \/ GoesBack
  \/ \E c \in Clusters : \/ Accept(c) \/ RestoreOutcome(c) \/ CreateHere(c) \/ Claim(c)
                         \/ Finish(c) \/ ShowEnd(c)
Spec == Init /\ [][Next]_vars

\* A run whose status shows its end is never run again.
NeverAgain == ~again

\* The row of such a run gets its end back.
EndsAgain == [](losses > 0 => <>(row.st = "ENDED"))
SpecEnds == /\ Spec
            /\ \A c \in Clusters : /\ WF_vars(Accept(c)) /\ WF_vars(RestoreOutcome(c))

TypeOK ==
  /\ row \in [st : {"NONE", "READY", "ACTIVE", "ENDED"}, n : 0..MaxAtt, at : {None} \cup Clusters]
  /\ obj \in [Clusters -> {"NONE", "OPEN", "FINAL"}]
=============================================================================
