# shellcheck shell=dash
# Whether a service gets into its database: runs inside of its container (`docker exec -i CONTAINER sh -s`), with what is
# there, and reads the service's own DATABASE_URL. Says one line: `ok WHO`, `failed WHO: REASON`, or `unknown REASON`.
# Everything has a time limit, as nobody ends what a `docker exec` that was given up has begun. Nothing secret is on a
# command line, and what a driver says is shown without the URL and its password.

# `sh` may be asked for in any folder: that of the application, where its drivers are.
ask_python() {
  python=$(command -v python3 || command -v python) || return 1
  "$python" - <<'PYTHON'
import os, signal, sys
from urllib.parse import unquote, urlsplit
url = os.environ["DATABASE_URL"]
try:
    import psycopg2 as driver
except ImportError:
    try:
        import psycopg as driver
    except ImportError:
        sys.exit(3)
def say(result, text):
    password = urlsplit(url).password or ""
    for secret in (url, password, unquote(password)):
        if secret:
            text = text.replace(secret, "...")
    print(result, "python" + (": " + " ".join(text.split()) if text else ""), flush=True)
    os._exit(0)
signal.signal(signal.SIGALRM, lambda *_: say("failed", "no answer from the database within 6 s"))
signal.alarm(6)
try:
    # SQLAlchemy puts the driver's name into the scheme.
    scheme, rest = url.split("://", 1)
    driver.connect(scheme.split("+")[0] + "://" + rest, connect_timeout=5).close()
    say("ok", "")
except Exception as error:
    say("failed", str(error) or type(error).__name__)
PYTHON
}

ask_node() {
  command -v node >/dev/null || return 1
  node --no-warnings - <<'NODE'
const { existsSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const url = process.env.DATABASE_URL;
const here = createRequire(join(process.cwd(), 'here.js'));
const found = (name) => {
  try {
    return here.resolve(name);
  } catch {
    const vendored = join(process.cwd(), 'vendor', name, 'src/index.js');
    return existsSync(vendored) ? vendored : undefined;
  }
};
const say = (result, text) => {
  const secrets = [url];
  try {
    const { password } = new URL(url);
    secrets.push(password, decodeURIComponent(password));
  } catch {}
  let shown = text;
  for (const secret of secrets) if (secret) shown = shown.split(secret).join('...');
  console.log(`${result} node${shown ? `: ${shown.replace(/\s+/g, ' ')}` : ''}`);
  process.exit(0);
};
const failed = (error) => say('failed', error?.message || error?.code || String(error));
setTimeout(() => say('failed', 'no answer from the database within 6 s'), 6000);
const load = async (path) => {
  const loaded = await import(pathToFileURL(path));
  return loaded.default ?? loaded;
};
async function ask() {
  if (found('pg')) {
    const { Client } = await load(found('pg'));
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
    await client.connect();
  } else if (found('postgres')) {
    const postgres = await load(found('postgres'));
    const sql = postgres(url, { max: 1, connect_timeout: 5, prepare: false, fetch_types: false, onnotice() {} });
    await sql`select 1`;
  } else {
    process.exit(3);
  }
  say('ok', '');
}
ask().catch(failed);
NODE
}

ask_psql() {
  command -v psql >/dev/null || return 1
  # A password with an escape in it would have to be decoded.
  case $login in *%*) return 1 ;; esac
  if said=$(PGHOST=$host PGPORT=$port PGUSER=${login%%:*} PGPASSWORD=${login#*:} PGDATABASE=$database \
    PGCONNECT_TIMEOUT=5 psql -X -w -c 'select 1' 2>&1 </dev/null); then
    echo "ok psql"
  else
    echo "failed psql: $(printf %s "$said" | tr '\n' ' ')"
  fi
}

# No more than that somebody answers there.
ask_tcp() {
  if command -v bash >/dev/null && command -v timeout >/dev/null; then
    # shellcheck disable=SC2016 # it is for that bash to read them
    if said=$(HOST=$host PORT=$port timeout 5 bash -c 'true <>"/dev/tcp/$HOST/$PORT"' 2>&1); then
      echo "ok tcp"
    else
      echo "failed tcp: $host:$port: $(printf %s "${said:-no answer within 5 s}" | tail -n 1)"
    fi
  elif command -v nc >/dev/null; then
    if said=$(nc -w 5 "$host" "$port" 2>&1 </dev/null); then
      echo "ok tcp"
    else
      echo "failed tcp: $host:$port: ${said:-connection refused, or no answer within 5 s}"
    fi
  else
    return 1
  fi
}

main() {
  if [ -z "${DATABASE_URL:-}" ]; then
    echo "unknown it has no DATABASE_URL"
    return
  fi
  rest=${DATABASE_URL#*://}
  case $DATABASE_URL in
  *://?*) ;;
  *) rest='' ;;
  esac
  rest=${rest%%\?*}
  database=${rest##*/}
  login=${rest%@*}
  place=${rest##*@}
  place=${place%%/*}
  host=${place%:*}
  port=${place##*:}
  if [ "$port" = "$place" ]; then
    case $DATABASE_URL in mysql* | mariadb*) port=3306 ;; mongodb*) port=27017 ;; *) port=5432 ;; esac
  fi
  case $DATABASE_URL in
  postgres*) ask_python || ask_node || ask_psql || reach ;;
  *) reach ;;
  esac
}

reach() {
  if [ -z "$host" ] || ! ask_tcp; then echo "unknown nothing to ask the database with"; fi
}

main
