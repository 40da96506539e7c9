------------------------------ MODULE GateMutex ------------------------------
(* Copyright The luigi-operator authors                                      *)
(* SPDX-License-Identifier: Apache-2.0                                       *)
(*                                                                           *)
(* The launch protocol for the runs of one admission key, from claim to      *)
(* finish. The page docs/protocol.md describes the protocol in words;        *)
(* README.md beside this file says what the model covers and how to run it.  *)
(*                                                                           *)
(* Ledger      every transaction is one atomic step. RowLocks.tla shows that *)
(*             the row locks of the real transactions have this effect.      *)
(* Kubernetes  a Job controller that can create several pods for one Job,    *)
(*             and a pod for a Job that was just deleted; the garbage        *)
(*             collector, which can act at any later time; the kubelet.      *)
(* Requests    to the API server arrive late, repeatedly, or never.          *)
(* Users       cancel runs; delete Jobs and pods; delete a PipelineRun and   *)
(*             create another one with the same name and another UID.        *)
(* Operators   several at once. Each decides from rows that it remembers and *)
(*             from a cache of the PipelineRuns; both can be out of date by  *)
(*             any time. It can be killed between any two steps.             *)
EXTENDS Naturals, FiniteSets

CONSTANTS
  Runs,          \* runs that share the admission key, e.g. {1, 2}
  Ops,           \* operator processes that act as leader, e.g. {1}
  MaxAtt,        \* attempts per run
  MaxPods,       \* pods that the Job controller can create per attempt
  MaxObj,        \* UIDs of PipelineRuns per run: 1 is the first object, 2 is
                 \* the object that replaced it, and so on
  ObjDeletes,    \* runs whose PipelineRun can be deleted
  UserDeletes,   \* how many Jobs and pods users delete in total
  UserCancels,   \* TRUE: users cancel runs
  SlowThreads,   \* TRUE: a thread can hold a row that it has read for any time
                 \* before it stores the row in the memory of its operator
  Fault          \* "none", or the name of an error that is built in on purpose

None == 0

VARIABLES
  \* ---- the ledger
  run,           \* run -> state, number of claims, flag cancel, recorded UID
  att,           \* run -> state of its newest attempt, and the bound pod
  holder,        \* the run that holds the key, or None
  \* ---- the API server
  obj,           \* run -> newest UID of its PipelineRun, and whether it exists
  job,           \* run -> attempt -> UID of the owner of the Job, None: no Job
  pod,           \* run -> attempt -> 1..MaxPods -> state, and whether its Job
                 \* still exists
  patches,       \* patches that open a gate and were sent. They stay, so each
                 \* can arrive any number of times at any time, and one that is
                 \* lost is one that never arrives
  \* ---- the memory of the operators
  mem,           \* operator -> run -> the row as the operator remembers it
  hand,          \* operator -> a row that a thread has read and not yet stored
  checked,       \* operator -> the attempt before whose retry a live read found
                 \* the PipelineRun
  \* ---- only for the properties
  dels,          \* Jobs and pods that users have deleted
  knows,         \* operator -> runs for which it has read cancel = 1
  badOpen,       \* an operator that had read cancel = 1 has sent a gate patch
  lateStarts     \* run -> pods that started while the recorded PipelineRun did
                 \* not exist, at most 2 are counted

vars == <<run, att, holder, obj, job, pod, patches, mem, hand, checked,
          dels, knows, badOpen, lateStarts>>
ledger == <<run, att, holder>>
server == <<obj, job, pod, patches>>
memory == <<mem, hand, checked>>
notes  == <<dels, knows, badOpen, lateStarts>>

Numbers == 1..MaxAtt
Pods    == 1..MaxPods
Final   == {"SUCCEEDED", "FAILED", "CANCELED"}

NoRow == [st |-> "NONE", n |-> 0, u |-> None, c |-> FALSE]
Nothing == [r |-> None, row |-> NoRow]
Unchecked == [r |-> None, n |-> 0]

\* The states of a pod:
\*   NEW    not created yet          GONE   deleted, and it had never started
\*   GATED  created, gate closed     TERM   started, being deleted
\*   RUN    gate open                SUCC, FAIL   ended
\*   PAST   started, ended, and no longer in the API server
\* "Started" counts from the opening of the gate: from then on scheduler and
\* kubelet need no further permission.
Started(p) == p.st \in {"RUN", "TERM", "SUCC", "FAIL", "PAST"}
Running(p) == p.st \in {"RUN", "TERM"}

\* The PipelineRun whose UID the ledger has recorded exists.
Recorded(r) == obj[r].here /\ obj[r].uid = run[r].rec

\* The newest attempt of the run is live.
Live(r) == att[r].st \in {"CLAIMED", "BOUND"}

Init ==
  /\ run = [r \in Runs |-> [st |-> "READY", n |-> 0, c |-> FALSE, rec |-> 1]]
  /\ att = [r \in Runs |-> [st |-> "NONE", u |-> None]]
  /\ holder = None
  /\ obj = [r \in Runs |-> [uid |-> 1, here |-> TRUE]]
  /\ job = [r \in Runs |-> [n \in Numbers |-> None]]
  /\ pod = [r \in Runs |-> [n \in Numbers |-> [i \in Pods |->
              [st |-> "NEW", own |-> FALSE]]]]
  /\ patches = {}
  /\ mem = [o \in Ops |-> [r \in Runs |-> NoRow]]
  /\ hand = [o \in Ops |-> Nothing]
  /\ checked = [o \in Ops |-> Unchecked]
  /\ dels = 0
  /\ knows = [o \in Ops |-> {}]
  /\ badOpen = FALSE
  /\ lateStarts = [r \in Runs |-> 0]

-----------------------------------------------------------------------------
(* What an operator remembers                                                *)

\* The row of a run as a read without lock returns it now.
Row(r) == IF run[r].st = "ACTIVE"
          THEN [st |-> att[r].st, n |-> run[r].n, u |-> att[r].u, c |-> run[r].c]
          ELSE [NoRow EXCEPT !.n = run[r].n, !.c = run[r].c]

\* Rows of one run differ in a fixed order: the number of the attempt grows,
\* an attempt goes from CLAIMED to BOUND to its end, cancel is never cleared.
Step(row) == CASE row.st = "CLAIMED" -> 1 [] row.st = "BOUND" -> 2 [] OTHER -> 3
Older(a, b) == \/ a.n < b.n
               \/ a.n = b.n /\ b.n > 0 /\ Step(a) < Step(b)
               \/ ~a.c /\ b.c

Store(o, r, row) ==
  /\ mem' = [mem EXCEPT ![o][r] = row]
  /\ knows' = [knows EXCEPT ![o] = IF row.c THEN @ \cup {r} ELSE @]

\* Reading and storing in one step.
Read(o, r) ==
  /\ ~SlowThreads /\ mem[o][r] # Row(r) /\ Store(o, r, Row(r))
  /\ UNCHANGED <<ledger, server, hand, checked, dels, badOpen, lateStarts>>

\* With slow threads: between the read and the store anything can happen, for
\* example the read and the store of another thread. So a row is stored only if
\* it is not older than the one that is remembered.
ThreadReads(o, r) ==
  /\ SlowThreads /\ hand[o] = Nothing /\ mem[o][r] # Row(r)
  /\ hand' = [hand EXCEPT ![o] = [r |-> r, row |-> Row(r)]]
  /\ UNCHANGED <<ledger, server, mem, checked, notes>>
ThreadStores(o) ==
  /\ hand[o] # Nothing
  /\ hand' = [hand EXCEPT ![o] = Nothing]
  /\ LET r == hand[o].r
         row == hand[o].row
     IN IF Fault = "olderrow" \/ ~Older(row, mem[o][r])
        THEN Store(o, r, row) ELSE UNCHANGED <<mem, knows>>
  /\ UNCHANGED <<ledger, server, checked, dels, badOpen, lateStarts>>
OtherThreadReads(o, r) ==
  /\ SlowThreads /\ mem[o][r] # Row(r) /\ Store(o, r, Row(r))
  /\ UNCHANGED <<ledger, server, hand, checked, dels, badOpen, lateStarts>>

\* What the cache of an operator can answer for the PipelineRun of a run: nothing,
\* or any UID that has existed. A cache that lags by any time, is filled again
\* from an old list, or is another one than a moment ago, can give each of them.
CacheShows(r) == {None} \cup 1..obj[r].uid

\* The process is killed, and another one goes on without its memory.
Crash(o) ==
  /\ \/ \E r \in Runs : mem[o][r] # NoRow
     \/ hand[o] # Nothing
     \/ checked[o] # Unchecked
  /\ mem' = [mem EXCEPT ![o] = [r \in Runs |-> NoRow]]
  /\ hand' = [hand EXCEPT ![o] = Nothing]
  /\ checked' = [checked EXCEPT ![o] = Unchecked]
  /\ knows' = [knows EXCEPT ![o] = {}]
  /\ UNCHANGED <<ledger, server, dels, badOpen, lateStarts>>

-----------------------------------------------------------------------------
(* The transactions of the ledger. An operator decides from what it          *)
(* remembers; the guard is checked again on the rows under lock.             *)

Locked(o, r, state) ==
  /\ run[r].st = "ACTIVE" /\ att[r].st = state /\ run[r].n = mem[o][r].n

\* Frees the key and ends the attempt, in one commit.
Release(r, state) ==
  /\ run' = [run EXCEPT ![r].st = state]
  /\ att' = [att EXCEPT ![r] = [st |-> "ENDED", u |-> None]]
  /\ holder' = IF holder = r THEN None ELSE holder

AfterRetry(r, found) ==
  IF run[r].c THEN "CANCELED"
  ELSE IF run[r].n >= MaxAtt THEN "FAILED"
  ELSE IF found THEN "READY" ELSE "HELD"

\* The operator looks for the recorded PipelineRun in its cache only. The guard of
\* the transaction does not contain it. A live read, as before a retry, gives one of
\* the answers that a cache can give.
Claim(r) ==
  /\ holder = None /\ run[r].st = "READY" /\ ~run[r].c /\ run[r].n < MaxAtt
  /\ run[r].rec \in CacheShows(r)
  /\ holder' = r
  /\ run' = [run EXCEPT ![r].st = "ACTIVE", ![r].n = @ + 1]
  /\ att' = [att EXCEPT ![r] = [st |-> "CLAIMED", u |-> None]]
  /\ UNCHANGED <<server, memory, notes>>

\* The operator has observed the pod gated at some time; by now it can be in
\* any state.
Bind(o, r, i) ==
  LET m == mem[o][r] IN
  /\ m.st = "CLAIMED" /\ pod[r][m.n][i].st # "NEW"
  /\ IF Fault = "nocas" THEN run[r].st = "ACTIVE" ELSE Locked(o, r, "CLAIMED")
  /\ ~run[r].c
  /\ att' = [att EXCEPT ![r] = [st |-> "BOUND", u |-> i]]
  /\ UNCHANGED <<run, holder, server, memory, notes>>

\* An unbound pod cannot run, so no evidence is needed. This step is possible
\* at any time; AbandonDue below says when an operator certainly takes it.
Abandon(o, r) ==
  /\ mem[o][r].st = "CLAIMED"
  /\ IF Fault = "noguard" THEN run[r].st = "ACTIVE" ELSE Locked(o, r, "CLAIMED")
  /\ Release(r, AfterRetry(r, TRUE))
  /\ UNCHANGED <<server, memory, notes>>

Ended(p) == \/ p.st \in {"SUCC", "FAIL", "GONE", "PAST"}
            \/ Fault = "early" /\ p.st = "TERM"

\* Before a finish that can lead to a retry the PipelineRun is read live. If it
\* is there, it can still be deleted before the commit. If it is not there, its
\* UID never comes back, so that answer stays true.
LiveReadFinds(o, r) ==
  LET m == mem[o][r] IN
  /\ m.st = "BOUND" /\ Ended(pod[r][m.n][m.u]) /\ pod[r][m.n][m.u].st # "SUCC"
  /\ Recorded(r) /\ checked[o] # [r |-> r, n |-> m.n]
  /\ checked' = [checked EXCEPT ![o] = [r |-> r, n |-> m.n]]
  /\ UNCHANGED <<ledger, server, mem, hand, notes>>

\* GONE and PAST: the pod is absent by a live read, and the rules about its node
\* are met. The model trusts these rules: such a pod does not run.
Finish(o, r) ==
  LET m == mem[o][r] IN
  /\ m.st = "BOUND" /\ Locked(o, r, "BOUND") /\ att[r].u = m.u
  /\ Ended(pod[r][m.n][m.u])
  /\ LET found == checked[o] = [r |-> r, n |-> m.n] \/ Fault = "noread" IN
     IF pod[r][m.n][m.u].st = "SUCC" THEN Release(r, "SUCCEEDED")
     ELSE /\ found \/ ~Recorded(r)
          /\ Release(r, AfterRetry(r, found))
  /\ checked' = [checked EXCEPT ![o] = Unchecked]
  /\ UNCHANGED <<server, mem, hand, notes>>

Cancel(r) ==
  /\ ~run[r].c /\ run[r].st \notin Final
  /\ run' = [run EXCEPT ![r].c = TRUE,
                        ![r].st = IF @ = "ACTIVE" THEN @ ELSE "CANCELED"]
  /\ UNCHANGED <<att, holder, server, memory, notes>>

\* The deletion pass: a live read does not find the recorded UID. Only this
\* turns a deletion into a cancel.
ConcludeDeletion(r) == Fault # "nopass" /\ ~Recorded(r) /\ Cancel(r)
\* If many objects are missing at once, the pass holds the runs that wait.
HoldMissing(r) ==
  /\ ~Recorded(r) /\ run[r].st = "READY"
  /\ run' = [run EXCEPT ![r].st = "HELD"]
  /\ UNCHANGED <<att, holder, server, memory, notes>>

\* A run that is held because its PipelineRun was missing: an object with the
\* same name and the same request is there. The ledger records its UID.
Adopt(r) ==
  /\ run[r].st = "HELD" /\ obj[r].here /\ obj[r].uid # run[r].rec
  /\ run' = [run EXCEPT ![r].st = "READY", ![r].rec = obj[r].uid]
  /\ lateStarts' = [lateStarts EXCEPT ![r] = 0]
  /\ UNCHANGED <<att, holder, server, memory, dels, knows, badOpen>>

-----------------------------------------------------------------------------
(* The requests of an operator to the API server                             *)

\* The request to create the Job of an attempt can be sent at any time while the
\* attempt is CLAIMED, so it can arrive at any time from then on, and again after
\* the Job was deleted. If the Job exists the API server answers with a conflict.
\* The owner is the UID that the ledger had recorded at the claim, whatever object
\* the cache shows under this name. It does not change while the attempt lives.
CreateArrives(r, n) ==
  /\ n <= run[r].n /\ job[r][n] = None
  /\ \E owner \in IF Fault = "ownerbyname" THEN CacheShows(r) \ {None}
                  ELSE IF Live(r) /\ n = run[r].n THEN {run[r].rec}
                  ELSE 1..run[r].rec :
       job' = [job EXCEPT ![r][n] = owner]
  /\ UNCHANGED <<ledger, obj, pod, patches, memory, notes>>

\* The patch tests the UID of the pod, here its index. With index None it names
\* only the attempt: an error that is built in.
SendOpen(o, r, i) ==
  LET m == mem[o][r] IN
  /\ \/ m.st = "BOUND" /\ i = (IF Fault = "byname" THEN None ELSE m.u)
     \/ Fault = "unbound" /\ m.st = "CLAIMED" /\ i # None /\ pod[r][m.n][i].st # "NEW"
  /\ ~m.c
  /\ patches' = patches \cup {<<r, m.n, i>>}
  /\ badOpen' = (badOpen \/ r \in knows[o])
  /\ <<patches', badOpen'>> # <<patches, badOpen>>
  /\ UNCHANGED <<ledger, obj, job, pod, memory, dels, knows, lateStarts>>

-----------------------------------------------------------------------------
(* Kubernetes                                                                *)

SetPod(r, n, i, state) == pod' = [pod EXCEPT ![r][n][i].st = state]

OpenArrives(r, n, i) ==
  /\ pod[r][n][i].st = "GATED"
  /\ <<r, n, i>> \in patches \/ <<r, n, None>> \in patches
  /\ SetPod(r, n, i, "RUN")
  /\ lateStarts' = IF Recorded(r) \/ lateStarts[r] = 2 THEN lateStarts
                   ELSE [lateStarts EXCEPT ![r] = @ + 1]
  /\ UNCHANGED <<ledger, obj, job, patches, memory, dels, knows, badOpen>>

\* A gated pod has no node and goes at once. A running one gets its grace period.
Delete(r, n, i) ==
  \/ pod[r][n][i].st = "GATED" /\ SetPod(r, n, i, "GONE")
  \/ pod[r][n][i].st = "RUN" /\ SetPod(r, n, i, "TERM")
\* A canceled run: the operator deletes the bound pod, by UID. Neither cancel nor
\* the end of a pod is ever undone, so a late request is the same as a later one.
StopArrives(r) ==
  /\ run[r].c /\ att[r].st = "BOUND"
  /\ Delete(r, run[r].n, att[r].u)
  /\ UNCHANGED <<ledger, obj, job, patches, memory, notes>>

NextPod(r, n) == {i \in Pods : /\ pod[r][n][i].st = "NEW"
                               /\ \A k \in Pods : k < i => pod[r][n][k].st # "NEW"}
JobController(r, n) ==
  /\ job[r][n] # None
  /\ \E i \in NextPod(r, n) :
       pod' = [pod EXCEPT ![r][n][i] = [st |-> "GATED", own |-> TRUE]]
  /\ UNCHANGED <<ledger, obj, job, patches, memory, notes>>
\* The Job was deleted while its controller was creating a pod.
JobControllerLate(r, n) ==
  /\ n <= run[r].n
  /\ \E i \in NextPod(r, n) :
       pod' = [pod EXCEPT ![r][n][i] = [st |-> "GATED", own |-> FALSE]]
  /\ UNCHANGED <<ledger, obj, job, patches, memory, notes>>

DeleteJob(r, n) ==
  /\ job[r][n] # None
  /\ job' = [job EXCEPT ![r][n] = None]
  /\ pod' = [pod EXCEPT ![r][n] = [i \in Pods |-> [@[i] EXCEPT !.own = FALSE]]]

\* The garbage collector: a Job whose owner does not exist under its UID, and a
\* pod whose Job does not exist.
GcJob(r, n) ==
  /\ ~(obj[r].here /\ obj[r].uid = job[r][n])
  /\ DeleteJob(r, n)
  /\ UNCHANGED <<ledger, obj, patches, memory, notes>>
GcPod(r, n, i) ==
  /\ ~pod[r][n][i].own
  /\ \/ Delete(r, n, i)
     \/ pod[r][n][i].st \in {"SUCC", "FAIL"} /\ SetPod(r, n, i, "PAST")
  /\ UNCHANGED <<ledger, obj, job, patches, memory, notes>>

PodEnds(r, n, i) ==
  /\ pod[r][n][i].st = "RUN"
  /\ \E s \in {"SUCC", "FAIL"} : SetPod(r, n, i, s)
  /\ UNCHANGED <<ledger, obj, job, patches, memory, notes>>
KubeletStopsPod(r, n, i) ==
  /\ pod[r][n][i].st = "TERM"
  /\ \E s \in {"SUCC", "FAIL", "PAST"} : SetPod(r, n, i, s)
  /\ UNCHANGED <<ledger, obj, job, patches, memory, notes>>

\* The sweep of an operator deletes a Job whose attempt is over.
SweepDeletesJob(r, n) ==
  /\ run[r].st # "ACTIVE" \/ run[r].n # n
  /\ DeleteJob(r, n)
  /\ UNCHANGED <<ledger, obj, patches, memory, notes>>

-----------------------------------------------------------------------------
(* Users                                                                     *)

UserCancelsRun(r) == UserCancels /\ Cancel(r)

UserDeletesObject(r) ==
  /\ r \in ObjDeletes /\ obj[r].here
  /\ obj' = [obj EXCEPT ![r].here = FALSE]
  /\ UNCHANGED <<ledger, job, pod, patches, memory, notes>>
UserCreatesAgain(r) ==
  /\ ~obj[r].here /\ obj[r].uid < MaxObj
  /\ obj' = [obj EXCEPT ![r] = [uid |-> @.uid + 1, here |-> TRUE]]
  /\ UNCHANGED <<ledger, job, pod, patches, memory, notes>>

UserDeletesJobOrPod(r, n) ==
  /\ dels < UserDeletes /\ dels' = dels + 1
  /\ \/ DeleteJob(r, n)
     \/ \E i \in Pods :
          /\ \/ Delete(r, n, i)
             \/ pod[r][n][i].st \in {"SUCC", "FAIL"} /\ SetPod(r, n, i, "PAST")
          /\ UNCHANGED job
  /\ UNCHANGED <<ledger, obj, patches, memory, knows, badOpen, lateStarts>>

-----------------------------------------------------------------------------

Operator(o, r) ==
  \/ Read(o, r) \/ ThreadReads(o, r) \/ OtherThreadReads(o, r)
  \/ \E i \in Pods : Bind(o, r, i)
  \/ Abandon(o, r) \/ LiveReadFinds(o, r) \/ Finish(o, r)
  \/ \E i \in Pods \cup {None} : SendOpen(o, r, i)
Cluster(r, n) ==
  \/ CreateArrives(r, n) \/ JobController(r, n) \/ JobControllerLate(r, n)
  \/ GcJob(r, n) \/ SweepDeletesJob(r, n) \/ UserDeletesJobOrPod(r, n)
  \/ \E i \in Pods : \/ OpenArrives(r, n, i)
                     \/ GcPod(r, n, i) \/ PodEnds(r, n, i)
                     \/ KubeletStopsPod(r, n, i)
Next ==
  \/ \E o \in Ops : ThreadStores(o) \/ Crash(o) \/ \E r \in Runs : Operator(o, r)
  \/ \E r \in Runs : \/ Claim(r) \/ ConcludeDeletion(r) \/ HoldMissing(r)
                     \/ Adopt(r) \/ StopArrives(r) \/ UserCancelsRun(r)
                     \/ UserDeletesObject(r) \/ UserCreatesAgain(r)
                     \/ \E n \in Numbers : Cluster(r, n)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* What must always hold. The numbers are those of docs/protocol.md.         *)

PodsOf(r) == {<<r, n, i>> : n \in Numbers, i \in Pods}
AllPods == UNION {PodsOf(r) : r \in Runs}
PodAt(p) == pod[p[1]][p[2]][p[3]]

\* I1: at most one pod of the key runs.
MutualExclusion == Cardinality({p \in AllPods : Running(PodAt(p))}) <= 1

\* I2: at most one pod of an attempt has ever started.
StartsOnce == \A r \in Runs, n \in Numbers :
                Cardinality({i \in Pods : Started(pod[r][n][i])}) <= 1

\* I4: the key has a holder if and only if it has exactly one live attempt.
HolderIsLive == /\ \A r \in Runs : Live(r) <=> run[r].st = "ACTIVE"
                /\ \A r \in Runs : Live(r) <=> holder = r

\* I7: nothing of a canceled run runs, and no operator that has read cancel = 1
\* sends a gate patch.
CanceledIsStopped == \A r \in Runs : run[r].st = "CANCELED" =>
                       \A p \in PodsOf(r) : ~Running(PodAt(p))
NoOpenAfterCancel == ~badOpen

\* After the PipelineRun was deleted, at most one more attempt starts, even if no
\* cache ever shows the deletion and no deletion pass ever concludes it.
OneLateStart == \A r \in Runs : lateStarts[r] <= 1

\* I8: a final state never changes.
FinalStays == [][\A r \in Runs : run[r].st \in Final => run'[r].st = run[r].st]_vars

Rows == [st : {"NONE", "CLAIMED", "BOUND"}, n : 0..MaxAtt, u : 0..MaxPods,
         c : BOOLEAN]
TypeOK ==
  /\ run \in [Runs -> [st : {"READY", "HELD", "ACTIVE"} \cup Final,
                       n : 0..MaxAtt, c : BOOLEAN, rec : 1..MaxObj]]
  /\ att \in [Runs -> [st : {"NONE", "CLAIMED", "BOUND", "ENDED"}, u : 0..MaxPods]]
  /\ holder \in Runs \cup {None}
  /\ obj \in [Runs -> [uid : 1..MaxObj, here : BOOLEAN]]
  /\ job \in [Runs -> [Numbers -> 0..MaxObj]]
  /\ \A p \in AllPods : /\ PodAt(p).st \in {"NEW", "GATED", "GONE", "RUN", "TERM",
                                            "SUCC", "FAIL", "PAST"}
                        /\ PodAt(p).own \in BOOLEAN
  /\ \A o \in Ops, r \in Runs : mem[o][r] \in Rows

-----------------------------------------------------------------------------
(* What must happen in the end. These properties need assumptions: from some *)
(* moment on operators are not killed any more, and a step that stays        *)
(* possible is taken (WF). Abandon is taken if it is possible again and      *)
(* again (SF).                                                               *)

\* When an operator certainly abandons a claim: the run is canceled; or the claim is
\* older than its TTL, has no Job, and the operator has learned that the recorded
\* PipelineRun does not exist; or a pod was deleted before it could start. With the
\* fault the cache shows a deleted PipelineRun forever. Then the operator creates the
\* Job and the garbage collector deletes it, again and again.
AbandonDue(o, r) ==
  LET m == mem[o][r] IN
  /\ m.st = "CLAIMED"
  /\ \/ m.c
     \/ job[r][m.n] = None /\ ~Recorded(r) /\ Fault # "frozencache"
     \/ job[r][m.n] # None /\ \E i \in Pods : pod[r][m.n][i].st = "GONE"
  /\ Abandon(o, r)

OperatorsStayAlive == <>[][\A o \in Ops : ~Crash(o)]_vars
OperatorsAct == \A o \in Ops, r \in Runs :
  /\ WF_vars(Read(o, r))
  /\ WF_vars(\E i \in Pods : Bind(o, r, i)) /\ WF_vars(\E i \in Pods : SendOpen(o, r, i))
  /\ WF_vars(LiveReadFinds(o, r)) /\ WF_vars(Finish(o, r))
  /\ SF_vars(AbandonDue(o, r))
CreateForClaim(r) == att[r].st = "CLAIMED" /\ CreateArrives(r, run[r].n)
RequestsArrive == \A r \in Runs :
  /\ WF_vars(CreateForClaim(r)) /\ WF_vars(StopArrives(r))
  /\ \A n \in Numbers, i \in Pods : WF_vars(OpenArrives(r, n, i))
GcIsFair == \A r \in Runs, n \in Numbers :
  /\ WF_vars(GcJob(r, n))
  /\ \A i \in Pods : WF_vars(GcPod(r, n, i)) /\ WF_vars(KubeletStopsPod(r, n, i))
JobsAreFair == \A r \in Runs, n \in Numbers :
  /\ WF_vars(JobController(r, n))
  /\ \A i \in Pods : WF_vars(PodEnds(r, n, i))

\* No run holds the key forever, even if no deletion is ever concluded.
KeyIsFreed == \A r \in Runs : (holder = r) ~> (holder # r)
SpecFreed == /\ Spec /\ OperatorsStayAlive /\ OperatorsAct /\ RequestsArrive
             /\ GcIsFair /\ JobsAreFair

\* In addition the deletion pass runs and operators claim: then every run ends.
EveryRunEnds == \A r \in Runs : <>(run[r].st \in Final)
SpecEnds == /\ SpecFreed
            /\ \A r \in Runs : WF_vars(ConcludeDeletion(r)) /\ SF_vars(Claim(r))

\* The garbage collector alone stops the pod of a deleted PipelineRun: no step of
\* an operator is assumed, and the pod does not end on its own account.
DeletedIsStopped == \A p \in AllPods :
  (Running(PodAt(p)) /\ ~Recorded(p[1])) ~> ~Running(PodAt(p))
SpecGc == Spec /\ GcIsFair
=============================================================================
