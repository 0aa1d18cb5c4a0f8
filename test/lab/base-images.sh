#!/usr/bin/env bash
# Makes stand-ins for the base images of the test applications, and for our own image's, where no container registry can
# be reached:
#
#   base-images.sh OUTDIR      makes OUTDIR/node-20-slim.tar, node-npm-git.tar, postgres-16.tar and busybox-1.tar, unless
#                              they are there, and prints the `docker import` commands (base-images.sh OUTDIR | sh runs them)
#
# node:20-slim is this machine's node, the libraries that it loads, and busybox. node-npm-git has this machine's npm, git
# and certificates too. postgres:16 is Debian's PostgreSQL 15
# with an entrypoint that understands what we use of the official image: POSTGRES_DB, POSTGRES_USER, POSTGRES_PASSWORD
# and the volume /var/lib/postgresql/data. busybox:1 is Debian's. They hold little more than what runs, so that they
# import in a second.
#
# Needs root (debootstrap), node, debootstrap, and a Debian mirror: $DEBIAN_MIRROR, else the machine's own,
# else debootstrap's.
set -euo pipefail

out=$(realpath -m "${1:?usage: base-images.sh OUTDIR}")
suite=bookworm pg=15
mkdir -p "$out"
exec 9>"$out/.lock"
flock 9

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { echo "base-images: $*" >&2; }

mirror() {
  if [[ -n ${DEBIAN_MIRROR:-} ]]; then echo "$DEBIAN_MIRROR"; return; fi
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(SITE) $(ORIGIN) $(COMPONENT)' 2>/dev/null |
    awk '$2 == "Debian" && $3 == "main" && !found++ { print $1 }' || true
}

# The first stage only: Debian's base packages unpacked, the others as files to unpack. Nothing is configured, because
# nothing but the libraries and PostgreSQL's programs is taken from it.
unpack_debian() {
  [[ -d $work/debian/usr ]] && return
  local deb mirror
  mirror=$(mirror)
  say "unpacking Debian $suite with PostgreSQL $pg"
  debootstrap --foreign --variant=minbase --include="postgresql-$pg,busybox-static" \
    "$suite" "$work/debian" ${mirror:+"$mirror"} >"$work/debootstrap.log" 2>&1 || { tail -n 20 "$work/debootstrap.log" >&2; exit 1; }
  for deb in "$work"/debian/var/cache/apt/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$work/debian"
  done
}

# skeleton ROOT USER ID: an empty system with busybox as every command, and one user.
skeleton() {
  local root=$1 user=$2 id=$3 command
  mkdir -p "$root"/{etc,proc,sys,dev,run,var,usr/bin,usr/lib,usr/lib64,usr/sbin,usr/local/bin,root}
  install -d -m 1777 "$root/tmp" "$root/var/tmp"
  ln -s usr/bin "$root/bin"; ln -s usr/sbin "$root/sbin"; ln -s usr/lib "$root/lib"; ln -s usr/lib64 "$root/lib64"
  ln -s ../run "$root/var/run"
  printf 'root:x:0:0:root:/root:/bin/sh\n%s:x:%s:%s::/home/%s:/bin/sh\n' "$user" "$id" "$id" "$user" >"$root/etc/passwd"
  printf 'root:x:0:\n%s:x:%s:\n' "$user" "$id" >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  install -d -o "$id" -g "$id" "$root/home/$user"
  cp "$work/debian/bin/busybox" "$root/usr/bin/busybox"
  for command in $("$root/usr/bin/busybox" --list); do ln -s busybox "$root/usr/bin/$command" 2>/dev/null || true; done
}

# libraries ROOT FROM FILE…: copies what these programs and modules load; FROM is the system that they come from.
libraries() {
  local root=$1 from=$2 library; shift 2
  # A chroot runs ldd in the unpacked Debian; a library without a path (the kernel's own) is not a file.
  chroot "$from" sh -c 'ldd "$@" 2>/dev/null' _ "$@" | grep -o '/[^ ]*\.so[^ ]*' | grep -v ':$' | sort -u |
    while read -r library; do
      mkdir -p "$root$(dirname "$library")"
      cp -nL "$from$library" "$root$library"
    done
}

# pack ROOT NAME: written beside the target and renamed, so that half a tar is never found.
pack() {
  tar -C "$1" --numeric-owner --sort=name --mtime=@0 -cf "$out/$2.tar.new" .
  mv "$out/$2.tar.new" "$out/$2.tar"
  say "made $out/$2.tar, $(du -h "$out/$2.tar" | cut -f1)"
}

make_node() {
  local root=$work/node node
  node=$(realpath "$(command -v node)")
  [[ $(node --version) == v20.* ]] || say "this machine's node is $(node --version), under the tag node:20-slim"
  unpack_debian
  skeleton "$root" node 1000
  install -D -m 755 "$node" "$root/usr/local/bin/node"
  libraries "$root" / "$node"
  pack "$root" node-20-slim
}

# npm where the official image has it, so that what takes it out there takes it out here.
make_node_npm_git() {
  local root=$work/node-npm-git library
  mkdir -p "$root"
  tar -C "$root" -xf "$out/node-20-slim.tar"
  mkdir -p "$root/usr/local/lib/node_modules" "$root/usr/share" "$root/etc/ssl/certs"
  cp -r "$(npm root --global)/npm" "$root/usr/local/lib/node_modules"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
  cp "$(command -v git)" "$root/usr/bin/git"
  cp -r /usr/lib/git-core "$root/usr/lib"
  cp -r /usr/share/git-core "$root/usr/share"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs"
  libraries "$root" / /usr/bin/git /usr/lib/git-core/git-remote-https
  # Of the C library, and loaded by native packages only.
  for library in librt.so.1 libresolv.so.2; do
    library=$(ldconfig -p | awk -v name="$library" '$1 == name && !found++ { print $NF }')
    mkdir -p "$root$(dirname "$library")"
    cp -nL "$library" "$root$library"
  done
  pack "$root" node-npm-git
}

make_postgres() {
  local root=$work/postgres from=$work/debian lib=/usr/lib/postgresql/$pg share=/usr/share/postgresql/$pg
  local -a programs
  unpack_debian
  skeleton "$root" postgres 999
  mkdir -p "$root$lib" "$root$share" "$root/usr/share/zoneinfo/Etc" "$root/usr/lib/locale"
  # Without the compiler for queries (LLVM, 100 MB) and what only builds extensions.
  tar -C "$from$lib" --exclude='llvmjit*' --exclude=bitcode --exclude=pgxs --exclude='*.a' -c bin lib | tar -C "$root$lib" -x
  tar -C "$from$share" --exclude=man --exclude=locale -c . | tar -C "$root$share" -x
  cp "$from"/usr/share/zoneinfo/{UTC,GMT} "$root/usr/share/zoneinfo"
  cp "$from/usr/share/zoneinfo/Etc/UTC" "$root/usr/share/zoneinfo/Etc"
  cp -r "$from/usr/lib/locale/C.utf8" "$root/usr/lib/locale"
  rm -f "$root/usr/bin/setpriv"
  cp "$from/usr/bin/setpriv" "$root/usr/bin"
  mapfile -t programs < <(cd "$root" && find "${lib#/}" -type f | sed 's|^|/|')
  libraries "$root" "$from" /usr/bin/setpriv "${programs[@]}"
  install -d -o 999 -g 999 "$root/var/lib/postgresql" "$root/run/postgresql"
  install -d -o 999 -g 999 -m 700 "$root/var/lib/postgresql/data"
  entrypoint >"$root/usr/local/bin/docker-entrypoint.sh"
  chmod 755 "$root/usr/local/bin/docker-entrypoint.sh"
  pack "$root" postgres-16
}

make_busybox() {
  local root=$work/busybox
  unpack_debian
  skeleton "$root" busybox 1000
  pack "$root" busybox-1
}

entrypoint() {
  cat <<'SH'
#!/bin/sh
# Stands in for the official entrypoint: creates the database in an empty volume, then becomes PostgreSQL.
set -eu
case ${1:-postgres} in
  -*) set -- postgres "$@" ;;
  postgres) ;;
  *) exec "$@" ;;
esac
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chown -R postgres:postgres "$PGDATA"
  chmod 700 "$PGDATA"
  # By its path: busybox's shell prefers its own setpriv, which cannot do this.
  exec /usr/bin/setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  : "${POSTGRES_PASSWORD:?must be set for the first start}"
  user=${POSTGRES_USER:-postgres} db=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
  # Half a database must not be taken for a whole one at the next start.
  trap 'rm -rf "$PGDATA"/*' EXIT
  printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
  initdb --username="$user" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --no-sync
  rm /tmp/password
  echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  [ "$db" = postgres ] || printf 'create database "%s" owner "%s";\n' "$db" "$user" |
    postgres --single -j -D "$PGDATA" postgres >/dev/null
  trap - EXIT
fi
exec "$@"
SH
}

[[ -f $out/node-20-slim.tar ]] || make_node
[[ -f $out/node-npm-git.tar ]] || make_node_npm_git
[[ -f $out/postgres-16.tar ]] || make_postgres
[[ -f $out/busybox-1.tar ]] || make_busybox

path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cat <<SH
docker import --change 'ENV PATH=$path' --change 'CMD ["node"]' '$out/node-20-slim.tar' node:20-slim
docker import --change 'ENV PATH=$path NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' --change 'CMD ["node"]' \\
  '$out/node-npm-git.tar' node-npm-git
docker import --change 'ENV PATH=$path' '$out/busybox-1.tar' busybox:1
docker import --change 'ENV PATH=/usr/lib/postgresql/$pg/bin:$path LANG=C.UTF-8 PGDATA=/var/lib/postgresql/data' \\
  --change 'VOLUME /var/lib/postgresql/data' --change 'EXPOSE 5432' \\
  --change 'ENTRYPOINT ["docker-entrypoint.sh"]' --change 'CMD ["postgres"]' '$out/postgres-16.tar' postgres:16
SH
