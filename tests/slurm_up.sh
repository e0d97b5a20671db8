#!/bin/bash
# A real Slurm of one node with two pretend GPUs, on the loopback interface only, for tests.
#   slurm_up.sh FOLDER          needs root, slurm-wlm and munge; then: export SLURM_CONF=FOLDER/slurm.conf
#   slurm_up.sh FOLDER down     ends what it started
set -euo pipefail
S=${1:?folder}
H=$(hostname -s)
if [ "${2:-up}" = down ]; then
  for name in slurmd slurmctld munged; do
    if [ -f "$S/$name.pid" ]; then kill "$(cat "$S/$name.pid")" 2>/dev/null || true; fi
  done
  exit 0
fi
mkdir -p "$S"/{state,spool,log}
S=$(cd "$S" && pwd)
install -d -o munge -g munge -m 755 /run/munge
if ! munge -n >/dev/null 2>&1; then
  runuser -u munge -- munged
  for _ in $(seq 50); do munge -n >/dev/null 2>&1 && break; sleep 0.1; done
  cp /run/munge/munged.pid "$S/munged.pid"
fi
cat > "$S/slurm.conf" <<C
ClusterName=test
SlurmctldHost=$H(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
StateSaveLocation=$S/state
SlurmdSpoolDir=$S/spool
SlurmctldPidFile=$S/slurmctld.pid
SlurmdPidFile=$S/slurmd.pid
SlurmctldLogFile=$S/log/slurmctld.log
SlurmdLogFile=$S/log/slurmd.log
SlurmctldPort=16817
SlurmdPort=16818
ReturnToService=2
GresTypes=gpu
NodeName=$H NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=4000 Gres=gpu:2 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
C
echo 'CgroupAutomount=no' > "$S/cgroup.conf"
printf 'NodeName=%s Name=gpu File=/dev/null\nNodeName=%s Name=gpu File=/dev/zero\n' "$H" "$H" > "$S/gres.conf"
export SLURM_CONF="$S/slurm.conf"
slurmctld
slurmd -N "$H"
for _ in $(seq 60); do
  if sinfo -h -o %T | grep -q idle; then exit 0; fi
  sleep 0.5
done
cat "$S/log/"*.log >&2
exit 1
