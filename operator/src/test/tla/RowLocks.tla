------------------------------ MODULE RowLocks ------------------------------
(* Copyright The luigi-operator authors                                      *)
(* SPDX-License-Identifier: Apache-2.0                                       *)
(*                                                                           *)
(* The transactions of the ledger as sequences of row locks, for the runs of *)
(* one admission key. GateMutex.tla treats each transaction as one atomic    *)
(* step. This module shows that the locks justify that, although bind locks  *)
(* the rows of run and attempt only, and not the row of the key.             *)
(*                                                                           *)
(* Isolation is READ COMMITTED: a locking read returns the committed row, a  *)
(* change is visible to others from the commit on. A transaction can be      *)
(* rolled back at any time before its commit.                                *)
EXTENDS Naturals, FiniteSets, Sequences

CONSTANTS Runs,    \* runs of the key, e.g. {1, 2}
          Txs,     \* transactions that are open at the same time, e.g. {1, 2}
          MaxAtt,  \* attempts per run
          Fault    \* "none", or the name of an error that is built in on purpose

None == 0
\* HELD stands for DELAYED too, and CANCELED for FAILED.
Final == {"SUCCEEDED", "CANCELED"}

VARIABLES
  key,      \* row of client_mutex: holder, and the READY runs that the row knows
            \* of (the real column next_admit_at is the smallest admit_at of these)
  run,      \* rows of run: state, number of claims, flag cancel
  att,      \* rows of attempt, the newest of each run: state and number
  locks,    \* row -> the transaction that has locked it, or None
  tx        \* transaction -> what it does, and how far it is
vars == <<key, run, att, locks, tx>>

KeyRow == <<"key", None>>
RunRow(r) == <<"run", r>>
AttRow(r) == <<"attempt", r>>
AllRows == {KeyRow} \cup {RunRow(r) : r \in Runs} \cup {AttRow(r) : r \in Runs}

\* A transaction: what it does, with which run and number of attempt; how many
\* rows it has locked; the state that it gives to the run, "" as long as that is
\* open; the READY runs that it has read.
Idle == [k |-> "idle", r |-> None, n |-> 0, got |-> 0, to |-> "", ready |-> {}]

\* The rows that a transaction locks, in this order. Cancel, hold, release, due
\* and expire have one shape; cancel and release stand for them. Claim inserts its
\* attempt, so there is no row to lock. A note is a single UPDATE statement: the
\* node, the stop reason or missing_since of a bound attempt.
LockOrder(k, r) ==
  CASE k = "claim" -> <<KeyRow, RunRow(r)>>
    [] k = "bind" -> IF Fault = "attemptfirst" THEN <<AttRow(r), RunRow(r)>>
                     ELSE <<RunRow(r), AttRow(r)>>
    [] k \in {"finish", "abandon"} -> <<KeyRow, RunRow(r), AttRow(r)>>
    [] k \in {"cancel", "release"} -> IF Fault = "nokey" THEN <<RunRow(r)>>
                                      ELSE <<KeyRow, RunRow(r)>>
    [] k = "note" -> <<AttRow(r)>>
    [] OTHER -> <<>>

\* The part of the guard that each row decides. The number of the attempt is the
\* one that the operator remembers; it can be old.
Guard(t, row) ==
  LET x == tx[t]
      m == run[x.r]
      a == att[x.r]
      runAllows ==
        CASE x.k = "claim" -> m.st = "READY" /\ ~m.c /\ m.n < MaxAtt
          [] x.k = "bind" -> m.st = "ACTIVE" /\ ~m.c /\ m.n = x.n
          [] x.k \in {"finish", "abandon"} -> m.st = "ACTIVE" /\ m.n = x.n
          [] x.k = "cancel" -> m.st \notin Final /\ ~m.c
          [] x.k = "release" -> m.st = "HELD"
      attemptAllows ==
        CASE x.k \in {"bind", "abandon"} -> a.st = "CLAIMED" /\ a.n = x.n
          [] x.k \in {"finish", "note"} -> a.st = "BOUND" /\ a.n = x.n
  IN CASE row = KeyRow -> x.k = "claim" => key.holder = None
       [] row = RunRow(x.r) -> runAllows
       [] row = AttRow(x.r) -> attemptAllows

\* What the transaction can make of the run.
Outcomes(t) ==
  LET m == run[tx[t].r] IN
  CASE tx[t].k = "claim" -> {"ACTIVE"}
    [] tx[t].k = "finish" -> IF m.c THEN {"SUCCEEDED", "CANCELED"}
                             ELSE {"SUCCEEDED", "READY", "HELD"}
    [] tx[t].k = "abandon" -> IF m.c THEN {"CANCELED"} ELSE {"HELD"}
    [] tx[t].k = "cancel" -> IF m.st = "ACTIVE" THEN {"ACTIVE"} ELSE {"CANCELED"}
    [] tx[t].k = "release" -> {"READY"}

Init ==
  /\ key = [holder |-> None, ready |-> Runs]
  /\ run = [r \in Runs |-> [st |-> "READY", n |-> 0, c |-> FALSE]]
  /\ att = [r \in Runs |-> [st |-> "ENDED", n |-> 0]]
  /\ locks = [row \in AllRows |-> None]
  /\ tx = [t \in Txs |-> Idle]

Begin(t) ==
  /\ tx[t] = Idle
  /\ \E k \in {"claim", "bind", "finish", "abandon", "cancel", "release", "note"},
        r \in Runs :
       \E n \in IF k \in {"bind", "finish", "abandon", "note"} THEN 1..run[r].n ELSE {0} :
         tx' = [tx EXCEPT ![t] = [Idle EXCEPT !.k = k, !.r = r, !.n = n]]
  /\ UNCHANGED <<key, run, att, locks>>

End(t) ==
  /\ locks' = [row \in AllRows |-> IF locks[row] = t THEN None ELSE locks[row]]
  /\ tx' = [tx EXCEPT ![t] = Idle]
\* The guard does not hold, the operator is killed, or the database gives up.
Rollback(t) == tx[t].k # "idle" /\ End(t) /\ UNCHANGED <<key, run, att>>

HasAll(t) == tx[t].k # "idle" /\ tx[t].got = Len(LockOrder(tx[t].k, tx[t].r))
NextRow(t) == LockOrder(tx[t].k, tx[t].r)[tx[t].got + 1]
\* With this fault, bind reads the run without a lock.
Plain(t) == Fault = "plainread" /\ tx[t].k = "bind" /\ NextRow(t) = RunRow(tx[t].r)

Lock(t) ==
  /\ tx[t].k # "idle" /\ ~HasAll(t)
  /\ Plain(t) \/ locks[NextRow(t)] = None
  /\ IF Guard(t, NextRow(t))
     THEN /\ locks' = IF Plain(t) THEN locks ELSE [locks EXCEPT ![NextRow(t)] = t]
          /\ tx' = [tx EXCEPT ![t].got = @ + 1]
     ELSE End(t)
  /\ UNCHANGED <<key, run, att>>

\* Whatever can change which runs are READY reads them as its last statement. This
\* is a read without locks: it returns the committed rows and the own change.
ChangesReady(k) == k \in {"claim", "finish", "abandon", "cancel", "release"}
ReadReady(t) ==
  /\ HasAll(t) /\ ChangesReady(tx[t].k) /\ tx[t].to = ""
  /\ \E to \in Outcomes(t) :
       LET others == {q \in Runs \ {tx[t].r} : run[q].st = "READY"}
           own == IF to = "READY" THEN {tx[t].r} ELSE {}
       IN tx' = [tx EXCEPT ![t].to = to, ![t].ready = others \cup own]
  /\ UNCHANGED <<key, run, att, locks>>

Commit(t) ==
  LET x == tx[t] IN
  /\ HasAll(t) /\ (ChangesReady(x.k) => x.to # "")
  /\ run' = [run EXCEPT ![x.r].st = IF ChangesReady(x.k) THEN x.to ELSE @,
                        ![x.r].n = IF x.k = "claim" THEN @ + 1 ELSE @,
                        ![x.r].c = IF x.k = "cancel" THEN TRUE ELSE @]
  /\ att' = [att EXCEPT ![x.r] =
       CASE x.k = "claim" -> [st |-> "CLAIMED", n |-> run[x.r].n + 1]
         [] x.k = "bind" -> [@ EXCEPT !.st = "BOUND"]
         [] x.k \in {"finish", "abandon"} -> [@ EXCEPT !.st = "ENDED"]
         [] OTHER -> @]
  /\ key' = [holder |-> CASE x.k = "claim" -> x.r
                          [] x.k \in {"finish", "abandon"} -> None
                          [] OTHER -> key.holder,
             ready |-> IF ChangesReady(x.k) THEN x.ready ELSE key.ready]
  /\ End(t)

Next == \E t \in Txs : Begin(t) \/ Lock(t) \/ ReadReady(t) \/ Commit(t) \/ Rollback(t)
Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------

\* A transaction that can commit has a guard that still holds. So its effect is
\* that of one atomic step at the moment of its commit.
GuardHolds == \A t \in Txs : HasAll(t) =>
  \A i \in 1..Len(LockOrder(tx[t].k, tx[t].r)) :
    Guard(t, LockOrder(tx[t].k, tx[t].r)[i])

\* I4: the key has a holder if and only if it has exactly one live attempt.
HolderIsLive == \A r \in Runs :
  /\ att[r].st \in {"CLAIMED", "BOUND"} <=> run[r].st = "ACTIVE"
  /\ key.holder = r <=> run[r].st = "ACTIVE"

\* The row of the key knows the READY runs.
ReadyIsKnown == key.ready = {r \in Runs : run[r].st = "READY"}

\* No transactions wait for each other in a circle. Circles of up to three.
WaitsFor(t, u) == /\ t # u /\ tx[t].k # "idle" /\ ~HasAll(t) /\ ~Plain(t)
                  /\ locks[NextRow(t)] = u
NoDeadlock ==
  /\ ~\E t, u \in Txs : WaitsFor(t, u) /\ WaitsFor(u, t)
  /\ ~\E t, u, v \in Txs : WaitsFor(t, u) /\ WaitsFor(u, v) /\ WaitsFor(v, t)
=============================================================================
