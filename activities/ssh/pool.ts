import type { Link } from './connect.ts';
import { unavailable } from './ssh-failure.ts';

/** OpenSSH's default of MaxSessions: how many commands one connection carries at once. */
const defaultSessions = 10;

/** A connection that callers share, from before its handshake until it is closed. */
export class PooledConnection {
  readonly ready: Promise<Link>;
  /** Commands that run on it, as the server counts them. */
  sessions = 0;
  /** Callers that use it or wait for it. */
  holds = 0;
  /** No new callers; closed when the last one is done. */
  retired = false;
  readonly stop = new AbortController();
  idle: NodeJS.Timeout | undefined;

  constructor(open: (signal: AbortSignal) => Promise<Link>) {
    this.ready = open(this.stop.signal);
  }
}

interface Shelf {
  connections: Set<PooledConnection>;
  /** Learned when the server refuses a session. */
  sessions: number;
}

/** Open connections by host. Callers that come at once share one handshake; nobody waits behind another's command. */
export class ConnectionPool {
  readonly #shelves = new Map<string, Shelf>();
  readonly #idleMs: number;
  #closed = false;

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** A connection for the key, open or being opened. Every one taken must be released. */
  take(key: string, open: (signal: AbortSignal) => Promise<Link>): PooledConnection {
    if (this.#closed) throw unavailable('The SSH connections of this process are closed: it is shutting down');
    const shelf = this.#shelves.get(key) ?? { connections: new Set(), sessions: defaultSessions };
    this.#shelves.set(key, shelf);
    const free = [...shelf.connections].find((one) => !one.retired && one.holds < shelf.sessions);
    const connection = free ?? this.#add(shelf, open);
    clearTimeout(connection.idle);
    connection.holds++;
    return connection;
  }

  release(connection: PooledConnection): void {
    connection.holds--;
    if (connection.holds > 0) return;
    if (connection.retired) void hangUp(connection);
    else connection.idle = setTimeout(() => this.retire(connection), this.#idleMs).unref();
  }

  /** Takes it out of the pool. Whoever still uses it may finish. */
  retire(connection: PooledConnection): void {
    connection.retired = true;
    clearTimeout(connection.idle);
    for (const [key, shelf] of this.#shelves) {
      if (!shelf.connections.delete(connection)) continue;
      if (shelf.connections.size === 0) this.#shelves.delete(key);
    }
    if (connection.holds === 0) void hangUp(connection);
  }

  /** The server refused one more session: the next caller gets another connection. */
  full(key: string, connection: PooledConnection): void {
    const shelf = this.#shelves.get(key);
    // Sessions that we no longer count (their commands outlived the channel) leave no room: it is of no more use.
    if (connection.sessions === 0) this.retire(connection);
    else if (shelf) shelf.sessions = Math.min(shelf.sessions, connection.sessions);
  }

  /** It did not answer: neither it nor what was opened before it gets new callers. Later ones are left alone. */
  stale(key: string, connection: PooledConnection): void {
    const connections = this.#shelves.get(key)?.connections;
    if (!connections?.has(connection)) return;
    for (const one of connections) {
      this.retire(one);
      if (one === connection) return;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#shelves.values()].flatMap((shelf) => [...shelf.connections]);
    for (const connection of all) this.retire(connection);
    await Promise.all(all.map(hangUp));
  }

  #add(shelf: Shelf, open: (signal: AbortSignal) => Promise<Link>): PooledConnection {
    const connection = new PooledConnection(open);
    shelf.connections.add(connection);
    connection.ready.then(
      (link) => {
        const gone = (): void => this.retire(connection);
        link.client.once('end', gone).once('close', gone).once('error', gone);
        if (!link.open) gone();
      },
      () => this.retire(connection),
    );
    return connection;
  }
}

/** Says goodbye, and does not wait for an answer longer than a second: the other side may be gone. */
async function hangUp(connection: PooledConnection): Promise<void> {
  connection.stop.abort(unavailable('The connection was closed: this process is shutting down'));
  const link = await connection.ready.catch(() => undefined);
  if (!link || link.closed) return;
  link.lost ??= 'closed by this process';
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      link.socket.destroy();
      resolve();
    }, 1_000);
    link.client.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    link.client.end();
  });
}
