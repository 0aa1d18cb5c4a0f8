#!/usr/bin/env bash
# A stand-in for an EC2 host on this machine: its own network, PID and mount namespaces, its own /home, /run and users,
# its own Docker engine, and a real sshd on port 22. It has no memory limit, and no way to any other network. Needs root.
# With $DBC_LAB_DISK_MB its /home, /tmp ($TMPDIR) and Docker's data lie on one small disk of their own. With
# $DBC_LAB_CLOCK its users' processes see the wall clock shifted by what stands in $DBC_LAB/hN/clock (libfaketime).
#
#   ec2-host.sh up N           boots host N (1 to 250) at 10.77.N.2, user ubuntu, key $DBC_LAB/hN/key
#   ec2-host.sh down N         ends it and removes everything
#   ec2-host.sh reboot N       kills everything on it and boots again; its disks stay, and so does a cut
#   ec2-host.sh cut|heal N     drops every packet to and from it, and stops dropping them
#   ec2-host.sh restart N docker|sshd   as systemd would: sshd's sessions stay, containers do not
#   ec2-host.sh docker N ARGS  runs docker against its engine
#   ec2-host.sh sh N CMD…      runs a command on it as root
#
# $DBC_LAB is where the hosts live (default /tmp/dbc-lab). It must not lie below /home or /run, which a host hides.
# $COMPOSE_BIN is Docker Compose, v2 or newer, for the host's user.
set -euo pipefail

lab=${DBC_LAB:-/tmp/dbc-lab}
command=${1:?usage: ec2-host.sh up|down|reboot|cut|heal|restart|docker|sh N …}
n=${2:?which host?}
d=$lab/h$n ns=dbc$n
user_id=1991 docker_id=1990

up() {
  case $lab/ in /home/* | /run/*) echo "$lab: a host would hide it" >&2; exit 2 ;; esac
  mkdir -p "$d/etc"
  if [ -n "${DBC_LAB_DISK_MB:-}" ]; then make_disk; fi
  mkdir -p "$d"/{home,docker}
  ssh-keygen -qt ed25519 -N '' -C lab -f "$d/key"
  ssh-keygen -qt ed25519 -N '' -C "host $n" -f "$d/hostkey"
  echo "10.77.$n.2 $(cut -d' ' -f1,2 "$d/hostkey.pub")" >"$d/known_hosts"
  make_users
  make_home
  make_sshd_config
  connect
  boot
}

# In its place in the folder are links to it.
make_disk() {
  truncate -s "${DBC_LAB_DISK_MB}M" "$d/disk.img"
  mkfs.ext4 -q "$d/disk.img"
  mkdir "$d/disk"
  mount -o loop "$d/disk.img" "$d/disk"
  install -d -m 1777 "$d/disk/tmp"
  mkdir "$d"/disk/{home,docker}
  ln -s disk/home disk/docker disk/tmp "$d"
}

# The users of the host, which the machine's own files know nothing about.
make_users() {
  { grep -v '^ubuntu:' /etc/passwd; echo "ubuntu:x:$user_id:$user_id::/home/ubuntu:/bin/bash"; } >"$d/etc/passwd"
  { grep -Ev '^(ubuntu|docker):' /etc/group; printf 'ubuntu:x:%s:\ndocker:x:%s:ubuntu\n' "$user_id" "$docker_id"; } >"$d/etc/group"
  # A password of "*" is none; "!" would lock the account for sshd.
  (umask 077; printf '%s:*:19000:0:99999:7:::\n' root ubuntu >"$d/etc/shadow")
}

make_home() {
  local home=$d/home/ubuntu plugins=$d/home/ubuntu/.docker/cli-plugins
  install -d -o "$user_id" -g "$user_id" "$home" "$home/.ssh" "$home/.docker" "$plugins"
  install -o "$user_id" -g "$user_id" -m 600 "$d/key.pub" "$home/.ssh/authorized_keys"
  if [ -n "${COMPOSE_BIN:-}" ]; then
    # A copy: the binary may lie where the host's user cannot read it.
    install -m 755 "$COMPOSE_BIN" "$plugins/docker-compose"
  fi
}

make_sshd_config() {
  local more=''
  if [ -d "$d/disk" ]; then more+=" \"TMPDIR=$d/tmp\""; fi
  if [ -n "${DBC_LAB_CLOCK:-}" ]; then
    echo +0 >"$d/clock"
    more+=" \"LD_PRELOAD=$(compgen -G '/usr/lib/*/faketime/libfaketime.so.1')\" \"FAKETIME_TIMESTAMP_FILE=$d/clock\""
    more+=' FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1'
  fi
  cat >"$d/sshd_config" <<CONFIG
Port 22
HostKey $d/hostkey
PidFile /run/sshd.pid
UsePAM no
PasswordAuthentication no
AuthorizedKeysFile .ssh/authorized_keys
UseDNS no
PrintMotd no
SetEnv "PATH=$d/trace-bin:$PATH" "DBC_LAB_TRACE=$d/trace"$more
MaxStartups 1000
MaxSessions 1000
LogLevel VERBOSE
CONFIG
}

# Only this host's side of the wire is in the namespace; the unreachable route keeps it off every other network.
connect() {
  ip route replace unreachable 10.77.0.0/16 metric 4000
  ip netns add "$ns"
  ip link add "v$ns" type veth peer name eth0 netns "$ns"
  ip addr add "10.77.$n.1/24" dev "v$ns"
  ip link set "v$ns" up
  ip -n "$ns" addr add "10.77.$n.2/24" dev eth0
  ip -n "$ns" link set eth0 up
  ip -n "$ns" link set lo up
  ip -n "$ns" route add default via "10.77.$n.1"
  if [ -f "$d/cut" ]; then drop_packets -I; fi
}

disconnect() {
  ip link del "v$ns" 2>/dev/null || true
  ip netns del "$ns" 2>/dev/null || true
}

boot() {
  rm -f "$d/dockerd.log" # before, so that the log is of this boot
  # `ip netns exec` would hide the control groups.
  nsenter --net="/run/netns/$ns" unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
    bash "$0" init "$n" </dev/null >"$d/init.log" 2>&1 &
  echo $! >"$d/pid"
  local i
  for ((i = 0; i < 300; i++)); do
    if [ -S "$(host_root)/run/docker.sock" ] && sshd_answers; then break; fi
    [ -d "/proc/$(cat "$d/pid")" ] || break
    sleep 0.05
  done
  docker_answers && return
  echo "host $n did not boot" >&2
  tail -n 5 "$d"/*.log >&2
  return 1
}

# PID 1 of the host. It stays bash, which collects orphans as an init does.
init() {
  mount --bind "$d/home" /home
  mount -t tmpfs -o mode=755 none /run
  mkdir -p /run/sshd /run/lock
  local file
  for file in passwd group shadow; do mount --bind "$d/etc/$file" "/etc/$file"; done
  cat /proc/sys/kernel/random/uuid >"$d/boot_id"
  mount --bind "$d/boot_id" /proc/sys/kernel/random/boot_id
  start_docker
  start_sshd
  while :; do sleep 1000 & wait $!; done
}

start_docker() {
  dockerd --data-root "$d/docker" --storage-driver overlay2 --group docker --cgroup-parent "/$ns" \
    --exec-opt native.cgroupdriver=cgroupfs >>"$d/dockerd.log" 2>&1 </dev/null &
}
start_sshd() {
  "$(command -v sshd || echo /usr/sbin/sshd)" -D -e -f "$d/sshd_config" >>"$d/sshd.log" 2>&1 </dev/null &
}

# restarted docker|sshd: on the host itself.
restarted() {
  local pid
  pid=$(cat "/run/$1.pid")
  kill "$pid"
  while [ -d "/proc/$pid" ]; do sleep 0.02; done
  "start_$1"
}

restart() {
  on_host bash "$0" restarted "$n" "$1"
  # The other one may be frozen.
  until "${1}_answers"; do sleep 0.05; done
}

docker_answers() { on_engine docker version >/dev/null 2>&1; }
# Asked on the host itself, since it may be cut off.
sshd_answers() { nsenter --net="/run/netns/$ns" bash -c ': </dev/tcp/127.0.0.1/22' 2>/dev/null; }
host_pid() { [ -f "$d/pid" ] && cut -d' ' -f1 "/proc/$(cat "$d/pid")/task/$(cat "$d/pid")/children" 2>/dev/null; }
host_root() { echo "/proc/$(host_pid)/root"; }
on_host() { nsenter -t "$(host_pid)" -m -p -n "$@"; }
on_engine() { DOCKER_HOST=unix://$(host_root)/run/docker.sock "$@"; }

halt() {
  local pid
  [ -f "$d/pid" ] || return 0
  if pid=$(host_pid) && [ -n "$pid" ]; then kill -9 "$pid" 2>/dev/null || true; fi
  pid=$(cat "$d/pid")
  while [ -d "/proc/$pid/ns" ] && [ "$(cut -d' ' -f3 "/proc/$pid/stat" 2>/dev/null || echo Z)" != Z ]; do sleep 0.02; done
  rm -f "$d/pid"
  # What its containers were counted in.
  find /sys/fs/cgroup -depth -type d \( -path "*/$ns" -o -path "*/$ns/*" \) -exec rmdir {} \; 2>/dev/null || true
}

drop_packets() {
  local rule
  # Before anything else sees them, so that ports of containers are cut off too.
  for rule in 'PREROUTING -i' 'POSTROUTING -o'; do
    # shellcheck disable=SC2086
    nsenter --net="/run/netns/$ns" iptables -w -t mangle "$1" $rule eth0 -j DROP
  done
}

case $command in
  up) up ;;
  init) init ;;
  reboot) halt; disconnect; connect; boot ;;
  cut) [ -f "$d/cut" ] || { drop_packets -I; touch "$d/cut"; } ;;
  heal) if [ -f "$d/cut" ]; then rm "$d/cut"; drop_packets -D; fi ;;
  docker) shift 2; on_engine exec docker "$@" ;;
  restart) restart "$3" ;;
  restarted) restarted "$3" ;;
  sh) shift 2; on_host "$@" ;;
  down)
    halt
    disconnect
    umount "$d/disk" 2>/dev/null || true
    # The mounts of what ran there may take a moment to go.
    rm -rf "$d" 2>/dev/null || { sleep 0.5; rm -rf "$d"; }
    rmdir "$lab" 2>/dev/null || true
    # The last one turns off the light.
    [[ $(ip -br link) == *$'\n'vdbc* ]] || ip route del unreachable 10.77.0.0/16 metric 4000 2>/dev/null || true ;;
  *) echo "ec2-host.sh: what is $command?" >&2; exit 2 ;;
esac
