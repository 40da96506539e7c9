------------------------------ MODULE Clusters ------------------------------
(* Copyright The luigi-operator authors                                      *)
(* SPDX-License-Identifier: Apache-2.0                                       *)
(*                                                                           *)
(* One run whose attempts can be claimed by several Kubernetes clusters that *)
(* share a ledger: which cluster may conclude what about an attempt, and     *)
(* what the retirement of a cluster does. GateMutex.tla describes the        *)
(* launch within one cluster; here each of its steps is as coarse as the     *)
(* question allows. README.md beside this file says what the model covers.   *)
(*                                                                           *)
(* Cluster     is known by the UID of its namespace kube-system, here its    *)
(*             number. Settings give it a clusterId, which need not be       *)
(*             unique. Identity: clusterId and UID.                          *)
(* Operators   one process per cluster. It can be killed, cut off from the   *)
(*             ledger, and connected to the API server of another cluster.   *)
(* Person      declares clusters dead.                                       *)
EXTENDS Naturals, FiniteSets

CONSTANTS
  Id,            \* cluster -> clusterId in its settings, e.g. <<"a", "b">>
  MaxAtt,        \* attempts of the run
  MayDie,        \* clusters that can stop entirely, with everything in them
  Silences,      \* TRUE: operators can be killed, and cut off from the ledger
  Moves,         \* how many times the address of the API server of an operator
                 \* leads to another cluster than before
  PersonErrs,    \* TRUE: a person also declares clusters dead that are not
  Fault          \* "none", or the name of an error that is built in on purpose

None == 0
Nr == 1..MaxAtt
TwoIds == <<"a", "b">>
SameId == <<"a", "a">>
All == DOMAIN Id

\* With the fault the ledger knows a cluster by its clusterId only.
Identity(id, uid) == [id |-> id, uid |-> IF Fault = "idonly" THEN None ELSE uid]
Identities == {Identity(Id[o], c) : o \in All, c \in All}
Nobody == [id |-> "", uid |-> None]

VARIABLES
  \* ---- the ledger
  table,         \* identity -> NONE, SERVING or RETIRED
  fresh,         \* identities whose last heartbeat is less than 60 seconds old
  run,           \* state, and number of the newest attempt
  att,           \* newest attempt: state, and the cluster of the bound pod
  by,            \* attempt -> identity that claimed it
  \* ---- Kubernetes
  up,            \* clusters that are not dead
  pod,           \* cluster -> attempt -> state of its pod
  patches,       \* pods whose gate an operator has decided to open; the request
                 \* arrives at any later time or never
  \* ---- operators and people
  me,            \* operator -> the identity that it has registered, or Nobody
  server,        \* operator -> the cluster that its API server belongs to
  moves,         \* how many times an address has led to another cluster
  asked          \* UIDs of clusters that a person has declared dead

vars == <<table, fresh, run, att, by, up, pod, patches, me, server, moves, asked>>
clusters == <<table, fresh>>
attempts == <<run, att, by>>
kube     == <<up, pod, patches>>
people   == <<moves, asked>>

Init ==
  /\ table = [i \in Identities |-> "NONE"] /\ fresh = {}
  /\ run = [st |-> "READY", n |-> 0]
  /\ att = [st |-> "NONE", at |-> None]
  /\ by = [n \in Nr |-> Nobody]
  /\ up = All
  /\ pod = [c \in All |-> [n \in Nr |-> "NEW"]] /\ patches = {}
  /\ me = [o \in All |-> Nobody]
  /\ server = [o \in All |-> o]
  /\ moves = 0 /\ asked = {}

Live == att.st \in {"CLAIMED", "BOUND"}
Owner == by[run.n]

\* The states of a pod:
\*   NEW    not created yet          GONE   deleted, and it had never started
\*   GATED  created, gate closed     SUCC   ended with success
\*   RUN    gate open                PAST   started, stopped, no longer in the API
\* A pod that failed would be treated like one that is PAST, with less evidence.
Started(s) == s \in {"RUN", "SUCC", "PAST"}
Absent(s)  == s \in {"NEW", "GONE", "PAST"}

-----------------------------------------------------------------------------
(* Registration, heartbeat, retirement                                       *)

\* A clusterId belongs to the cluster that registered it until that is retired, and
\* a cluster has one clusterId.
Refused(i) ==
  \/ table[i] = "RETIRED"
  \/ \E j \in Identities \ {i} :
       /\ table[j] = "SERVING"
       /\ \/ j.id = i.id /\ Fault # "idtaken"
          \/ j.uid = i.uid

Register(o) ==
  /\ o \in up /\ server[o] \in up /\ me[o] = Nobody
  /\ LET i == Identity(Id[o], server[o]) IN
     /\ ~Refused(i)
     /\ table' = [table EXCEPT ![i] = "SERVING"]
     /\ fresh' = fresh \cup {i}
     /\ me' = [me EXCEPT ![o] = i]
  /\ UNCHANGED <<attempts, kube, server, people>>

Heartbeat(o) ==
  /\ me[o] # Nobody /\ ~Refused(me[o])
  /\ me[o] \notin fresh /\ fresh' = fresh \cup {me[o]}
  /\ UNCHANGED <<table, attempts, kube, me, server, people>>

SixtySecondsPass(i) ==
  /\ i \in fresh /\ (Silences \/ i.uid \notin up)
  /\ fresh' = fresh \ {i}
  /\ UNCHANGED <<table, attempts, kube, me, server, people>>

Crash(o) ==
  /\ Silences /\ me[o] # Nobody /\ me' = [me EXCEPT ![o] = Nobody]
  /\ UNCHANGED <<clusters, attempts, kube, server, people>>

PersonDeclares(c) ==
  /\ c \notin asked /\ (c \notin up \/ PersonErrs)
  /\ asked' = asked \cup {c}
  /\ UNCHANGED <<clusters, attempts, kube, me, server, moves>>

\* Also an operator that waits at its start does this. It never retires itself.
Retire(o, i) ==
  /\ o \in up /\ i.uid # (IF me[o] = Nobody THEN server[o] ELSE me[o].uid)
  /\ table[i] = "SERVING"
  /\ \/ i.uid \in asked /\ Fault # "noretire"
     \/ Fault = "unasked"
  /\ i \notin fresh \/ Fault = "nosilence"
  /\ table' = [table EXCEPT ![i] = "RETIRED"]
  /\ UNCHANGED <<fresh, attempts, kube, me, server, people>>

-----------------------------------------------------------------------------
(* The attempt. Each transaction checks its guard under lock, so what an     *)
(* operator remembers does not matter.                                       *)

Release(state) ==
  /\ run' = [run EXCEPT !.st = IF state = "READY" /\ run.n = MaxAtt THEN "FAILED" ELSE state]
  /\ att' = [st |-> "ENDED", at |-> None]
  /\ UNCHANGED <<clusters, by, kube, me, server, people>>

Claim(o) ==
  /\ me[o] # Nobody /\ run.st = "READY"
  /\ table[me[o]] # "RETIRED" \/ Fault = "retiredclaims"
  /\ run' = [st |-> "ACTIVE", n |-> run.n + 1]
  /\ att' = [st |-> "CLAIMED", at |-> None]
  /\ by' = [by EXCEPT ![run.n + 1] = me[o]]
  /\ UNCHANGED <<clusters, kube, me, server, people>>

\* The operator has observed the gated pod at some time, and opens the gate after the
\* commit.
Bind(o) ==
  LET c == server[o] IN
  /\ me[o] # Nobody /\ att.st = "CLAIMED" /\ me[o] = Owner
  /\ pod[c][run.n] # "NEW"
  /\ att' = [st |-> "BOUND", at |-> c]
  /\ patches' = patches \cup {<<c, run.n>>}
  /\ UNCHANGED <<clusters, run, by, up, pod, me, server, people>>

Abandon(o) ==
  /\ me[o] # Nobody /\ att.st = "CLAIMED" /\ me[o] = Owner
  /\ Release("READY")
AbandonSilent(o) ==
  /\ me[o] # Nobody /\ att.st = "CLAIMED" /\ Owner \notin fresh
  /\ Release("READY")

\* The pod is there and has ended; only its own UID counts.
FinishEnded(o) ==
  /\ me[o] # Nobody /\ att.st = "BOUND" /\ me[o] = Owner /\ server[o] = att.at
  /\ pod[att.at][run.n] = "SUCC"
  /\ Release("SUCCEEDED")

\* The API server of the operator does not have the pod. Then its UID of kube-system is
\* read again. The model trusts the rules about the node: such a pod does not run.
FinishAbsent(o) ==
  /\ me[o] # Nobody /\ att.st = "BOUND"
  /\ me[o] = Owner \/ Fault = "foreignabsence"
  /\ server[o] = me[o].uid \/ Fault = "uidnotread" \/ Fault = "idonly"
  /\ server[o] \in up
  /\ server[o] # att.at \/ Absent(pod[att.at][run.n])
  /\ Release("READY")

EndRetired(o) ==
  /\ me[o] # Nobody /\ Live /\ table[Owner] = "RETIRED"
  /\ Release("READY")

-----------------------------------------------------------------------------
(* Kubernetes                                                                *)

SetPod(c, n, state) ==
  /\ c \in up /\ pod' = [pod EXCEPT ![c][n] = state]
  /\ UNCHANGED <<clusters, attempts, up, patches, me, server, people>>

\* The request to create the Job can arrive at any time after the claim.
PodAppears(c, n) ==
  /\ n <= run.n /\ pod[c][n] = "NEW"
  /\ \/ by[n].uid = c
     \/ Fault = "idonly" /\ \E o \in All : me[o] = by[n] /\ server[o] = c
  /\ SetPod(c, n, "GATED")
GateOpens(c, n) == pod[c][n] = "GATED" /\ <<c, n>> \in patches /\ SetPod(c, n, "RUN")
PodEnds(c, n)   == pod[c][n] = "RUN" /\ SetPod(c, n, "SUCC")
PodVanishes(c, n) ==
  \/ pod[c][n] = "GATED" /\ SetPod(c, n, "GONE")
  \/ pod[c][n] = "RUN" /\ SetPod(c, n, "PAST")

\* Everything in the cluster stops, and nothing in it ever starts again.
Dies(c) ==
  /\ c \in MayDie \cap up
  /\ up' = up \ {c}
  /\ pod' = [pod EXCEPT ![c] = [n \in Nr |-> CASE @[n] = "GATED" -> "GONE"
                                               [] @[n] = "RUN" -> "PAST"
                                               [] OTHER -> @[n]]]
  /\ me' = [me EXCEPT ![c] = Nobody]
  /\ UNCHANGED <<clusters, attempts, patches, server, people>>

\* The address of the API server leads to another cluster, while the operator runs.
Moved(o) ==
  /\ moves < Moves /\ moves' = moves + 1
  /\ \E c \in All \ {server[o]} : server' = [server EXCEPT ![o] = c]
  /\ UNCHANGED <<clusters, attempts, kube, me, asked>>

-----------------------------------------------------------------------------

Next ==
  \/ \E o \in All :
       \/ Register(o) \/ Heartbeat(o) \/ Crash(o) \/ Claim(o) \/ Bind(o) \/ Abandon(o)
       \/ AbandonSilent(o) \/ FinishEnded(o) \/ FinishAbsent(o) \/ EndRetired(o)
       \/ Moved(o) \/ \E i \in Identities : Retire(o, i)
  \/ \E i \in Identities : SixtySecondsPass(i)
  \/ \E c \in All : \/ PersonDeclares(c) \/ Dies(c)
                    \/ \E n \in Nr : \/ PodAppears(c, n) \/ GateOpens(c, n)
                                     \/ PodEnds(c, n) \/ PodVanishes(c, n)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* What must always hold                                                     *)

RunningIn(set) == {p \in set \X Nr : pod[p[1]][p[2]] = "RUN"}
Retired == {c \in All : \E i \in Identities : i.uid = c /\ table[i] = "RETIRED"}

\* At most one pod of the run runs. This needs a person who does not err.
MutualExclusion == Cardinality(RunningIn(All)) <= 1

\* What is left of it if a cluster was retired that is not dead: the cluster keeps at
\* most the pod that it had, and there is at most one in all other clusters.
OneInService  == Cardinality(RunningIn(All \ Retired)) <= 1
OnePerCluster == \A c \in All : Cardinality(RunningIn({c})) <= 1

\* At most one pod of an attempt has ever started.
StartsOnce == \A n \in Nr : Cardinality({c \in All : Started(pod[c][n])}) <= 1

\* Two clusters never serve under one clusterId.
IdHasOneCluster == \A i, j \in Identities :
  table[i] = "SERVING" /\ table[j] = "SERVING" /\ i.id = j.id => i = j

TypeOK ==
  /\ table \in [Identities -> {"NONE", "SERVING", "RETIRED"}] /\ fresh \subseteq Identities
  /\ run \in [st : {"READY", "ACTIVE", "SUCCEEDED", "FAILED"}, n : 0..MaxAtt]
  /\ att \in [st : {"NONE", "CLAIMED", "BOUND", "ENDED"}, at : {None} \cup All]
  /\ (run.st = "ACTIVE") <=> Live
  /\ by \in [Nr -> Identities \cup {Nobody}]
  /\ pod \in [All -> [Nr -> {"NEW", "GATED", "RUN", "SUCC", "GONE", "PAST"}]]

-----------------------------------------------------------------------------
(* What must happen in the end: a person declares each dead cluster dead,    *)
(* and then every run ends, whatever the dead cluster had claimed or bound.  *)

\* Bind, abandon and finish by the cluster of the attempt.
OwnerActs(o) ==
  \/ Bind(o) \/ FinishEnded(o) \/ FinishAbsent(o)
  \/ att.st = "CLAIMED" /\ pod[server[o]][run.n] = "GONE" /\ Abandon(o)

EveryRunEnds == <>(run.st \in {"SUCCEEDED", "FAILED"})
SpecEnds ==
  /\ Spec
  /\ <>[][\A o \in All : ~Crash(o)]_vars
  /\ \A o \in All :
       /\ WF_vars(Register(o)) /\ SF_vars(Claim(o)) /\ WF_vars(OwnerActs(o))
       /\ WF_vars(AbandonSilent(o)) /\ WF_vars(EndRetired(o))
       /\ \A i \in Identities : WF_vars(Retire(o, i))
  /\ \A i \in Identities : WF_vars(SixtySecondsPass(i))
  /\ \A c \in All :
       /\ WF_vars(PersonDeclares(c))
       /\ \A n \in Nr : WF_vars(PodAppears(c, n)) /\ WF_vars(GateOpens(c, n))
                        /\ WF_vars(PodEnds(c, n))
=============================================================================
