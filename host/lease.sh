# shellcheck shell=dash
# The lease: which deploy may change this host. $state/lease holds five lines (number, deploy, whether the holder's
# Temporal is an embedded one, the holder as JSON, the run of the deploy that puts the host back, if one does);
# $state/number the highest number ever issued; $state/renewed the boot and the uptime at which the holder was last seen;
# $state/ended the deploys that have had it and never get it again.

# $state/locked is no lease: while it is there (an ID, and a person's lock as JSON), none is given, but to who names the ID.

# read_lease: sets number (0 when nobody holds it), deploy, embedded, holder, restoring; and lock_id and person of a lock.
read_lease() {
  number=0 deploy='' embedded='' holder='' restoring='' lock_id='' person=''
  if [ -f "$state/locked" ]; then { read -r lock_id && read -r person; } <"$state/locked"; fi
  [ -f "$state/lease" ] || return 0
  { read -r number && read -r deploy && read -r embedded && read -r holder && { read -r restoring || true; }; } <"$state/lease"
}

# renew: the holder was here. Only an embedded holder is ever judged by this.
renew() {
  [ "$embedded" = 1 ] || return 0
  write_renewed
}

write_renewed() {
  clock
  echo "$boot_id $((now / 100))" >"$state/.put.$$" && mv "$state/.put.$$" "$state/renewed"
}

# highest_issued: sets highest.
highest_issued() {
  highest=0
  { read -r highest <"$state/number"; } 2>/dev/null
  # Never below what is in use, should the file be lost.
  [ "${highest:-0}" -ge "$number" ] || highest=$number
}

say_lease() {
  highest_issued
  say_locked
  say number "$number"
  say highest "$highest"
  [ "$number" = 0 ] && return 0
  say holder "$holder"
  if { read -r boot at <"$state/renewed"; } 2>/dev/null && [ "$boot" = "$boot_id" ]; then
    clock
    say renewed $((now / 100 - at))
  else
    say rebooted 1
  fi
}

say_locked() {
  [ -z "$lock_id" ] || say locked "$person"
}

# unlocked_for ID: no person has locked the host, or it is the lock with this ID.
unlocked_for() {
  [ -z "$lock_id" ] || [ "$lock_id" = "$1" ]
}

# lock_host ID LOCK: locks the host for a person, unless somebody holds its lease or another person has locked it.
op_lock_host() {
  lock
  read_lease
  if [ "$number" = 0 ] && unlocked_for "$1"; then
    printf '%s\n' "$1" "$2" | put "$state/locked" || fail CommandFailed "$state/locked cannot be written; is the disk full?"
    read_lease
  fi
  say_lease
}

# unlock_host ID: takes this very lock away.
op_unlock_host() {
  lock
  read_lease
  [ "$lock_id" != "$1" ] || rm -f "$state/locked"
}

# issue DEPLOY EMBEDDED HOLDER RESTORING: the lease under the next number.
issue() {
  highest_issued
  number=$((highest + 1)) deploy=$1 embedded=$2 holder=$3 restoring=$4
  # What was set aside for a full disk is there for this.
  write_lease || { rm -f "$state/ballast"; write_lease; } ||
    fail CommandFailed "the lease in $state cannot be written; is the disk full?"
}

# The number is kept first: it is never issued twice, whatever dies in between. A lease that was just issued was just
# renewed, whoever holds it.
write_lease() {
  new=$state/.put.$$
  write_renewed && echo "$number" >"$new.number" &&
    printf '%s\n' "$number" "$deploy" "$embedded" "$holder" "$restoring" >"$new.lease" &&
    sync "$new.number" "$new.lease" && mv "$new.number" "$state/number" && mv "$new.lease" "$state/lease" && return 0
  rm -f "$new".*
  return 1
}

# bury DEPLOY: it has ended on this host. A worker of it that was frozen and wakes up later takes no lease any more.
bury() {
  is_buried "$1" && return 0
  { { tail -n 199 "$state/ended" 2>/dev/null; echo "$1"; } | put "$state/ended"; } 2>/dev/null || true
}

is_buried() {
  grep -qxF "$1" "$state/ended" 2>/dev/null
}

# Space that is given free when a host has to be put back: a full disk must not stand in the way of that.
set_ballast_aside() {
  [ -f "$state/ballast" ] || fallocate -l 16777216 "$state/ballast" 2>/dev/null ||
    head -c 16777216 /dev/zero >"$state/ballast" 2>/dev/null || rm -f "$state/ballast"
}

# hold NUMBER: for a reading that proves something only while the lease is ours.
op_hold() {
  lock
  require_lease "$1"
  unlock
}

# spend_ballast NUMBER: for a release that is to be recorded, after which there is nothing to put back.
op_spend_ballast() {
  op_hold "$1"
  rm -f "$state/ballast"
}

op_lease() {
  read_lease
  say_lease
}

# take EXPECTED DEPLOY EMBEDDED HOLDER GRACE [LOCK_ID]: the lease, if it is free, ours already, or still the one numbered
# EXPECTED, whose holder the caller has found to be dead, and no person has locked the host but with the lock LOCK_ID, of which
# the caller has found that it lets this deploy pass. Otherwise says who holds it, and who has locked the host.
op_take() {
  lock
  read_lease
  taken=
  if [ "$deploy" = "$2" ]; then
    renew
    # After a Reset from Temporal's UI: where the restore has begun, no step may go on under its number.
    [ -z "$restoring" ] || taken=$((number - 1))
  elif is_buried "$2"; then
    fail LeaseLost "this deploy has ended here already, and does not get the lease again; start a new one"
  elif unlocked_for "${6:-}" && { [ "$number" = 0 ] || [ "$number" = "$1" ]; }; then
    [ "$number" = 0 ] || { say took_over "$deploy"; bury "$deploy"; }
    issue "$2" "$3" "$4" ''
    set_ballast_aside
  else
    say_lease
    say end
    exit 0
  fi
  unlock
  # From here on nobody else can start anything; what still runs is ended before the host is looked at.
  end_jobs_below "$number" "$5"
  say_locked
  say taken "${taken:-$number}"
  op_overview
}

# has_job DEPLOY STEP: whether this step of it was begun here.
has_job() {
  set -- "$state/jobs/$1.$2".*
  [ -d "$1" ]
}

# has_started DEPLOY STEP: whether it came to run here; one that was ended before that is a job too.
has_started() {
  set -- "$state/jobs/$1.$2".*/started
  [ -e "$1" ]
}

# has_changed DEPLOY: whether it has begun to change this host, by its first job that does or in the env file.
has_changed() {
  has_job "$1" reset || has_job "$1" restart || [ -f "$state/snapshots/$1/env-before" ]
}

# untouched DEPLOY: the deploy means to give back a host that it never changed. Goes no further when the host knows
# better: a Reset from Temporal's UI began the deploy again from before it had touched the host, or put it back. Says
# whether it still has the lease (begun), so that it can put the host back, or not (ended).
op_untouched() {
  lock
  read_lease
  if [ "$deploy" != "$1" ]; then
    has_changed "$1" || return 0
    say ended "$1"
  else
    # The first job that changes anything, or the restore.
    has_changed "$1" || [ -n "$restoring" ] || return 0
    say begun "$number"
  fi
  say end
  exit 0
}

# retake NUMBER DEPLOY GRACE RUN: our own lease under a new number, so that a worker of ours that was frozen in mid-command
# can start nothing any more. Taken again by a retry, it keeps the number that it has; not so after a Reset from
# Temporal's UI, which is another run of the deploy.
op_retake() {
  lock
  read_lease
  [ "$deploy" = "$2" ] || { say_lease; say refused "$number"; return 0; }
  # What is put back is no release, though a Reset may have come after it was recorded.
  rm -f "$state/ballast" "$state/releases/$2.json" "$state/releases/$2.env"
  if [ "$number" = "$1" ] || [ "$restoring" != "$4" ]; then issue "$2" "$embedded" "$holder" "$4"; else renew; fi
  unlock
  end_jobs_below "$number" "$3"
  # What was begun before a Reset from Temporal's UI, the deploy may not know any more; how far the dead deploy came whose
  # snapshot it adopted, nobody does.
  for step in build start; do
    if has_job "$2" $step || [ -f "$state/snapshots/$2/adopted" ]; then say begun $step; fi
  done
  if has_started "$2" hook-before; then say begun before; fi
  say taken "$number"
}

# require_lease NUMBER: under the lock; only the lease's own number may change anything.
require_lease() {
  read_lease
  if [ "$number" != "$1" ]; then
    say_lease
    say refused "$number"
    say end
    exit 0
  fi
  renew
}

# give NUMBER DEPLOY GRACE: gives the lease back for good, and ends what was left running under it; nothing when it is
# somebody else's by now. NUMBER 0 stands for whichever number it has: a deploy that died while it took the lease does
# not know.
op_give() {
  lock
  read_lease
  bury "$2"
  [ "$deploy" = "$2" ] || return 0
  [ "$1" = 0 ] || [ "$number" = "$1" ] || return 0
  rm -f "$state/lease" "$state/renewed" "$state/ballast"
  unlock
  end_jobs_below $((number + 1)) "$3"
}

# drop NUMBER GRACE: takes the lease away from its holder and ends what it runs (`dbc unlock`).
op_drop() {
  lock
  read_lease
  [ "$number" = "$1" ] || { say_lease; say refused "$number"; return 0; }
  bury "$deploy"
  rm -f "$state/lease" "$state/renewed" "$state/ballast"
  unlock
  end_jobs_below $((number + 1)) "$2"
}
