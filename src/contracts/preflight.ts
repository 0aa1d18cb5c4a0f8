/** One thing that a deploy needs, and whether it is there. */
export interface Finding {
  level: 'ok' | 'warning' | 'error';
  /** What was looked at: `Docker`, `port 8002`, `.env.aws`. */
  about: string;
  /** What was found, and what was expected where that differs. Never a value of the env file. */
  message: string;
  /** The cure, in a sentence. */
  hint?: string;
}

/** What is known of a host's env file. Names only, never a value. */
export interface EnvReport {
  file: string;
  /** Why nothing is known of it: it is missing, or cannot be read. */
  problem?: string;
  /** Why Docker Compose would refuse the file, by line. */
  refused: string[];
  required: EnvVariable[];
  conditions: EnvCondition[];
  /** What else is in the file; absent in the answer of a worker that does not tell. */
  others?: EnvVariable[];
  /** Set more than once; the last one counts. */
  duplicates: string[];
  /** What the compose file asks for by `${NAME}`; absent where this Compose cannot say. */
  referenced?: ReferencedVariable[];
}

export interface EnvVariable {
  name: string;
  state: 'set' | 'empty' | 'missing';
}

export interface EnvCondition {
  /** The rule of `requiredWhen`. */
  if: string;
  holds: 'yes' | 'no' | 'cannot be evaluated';
  level: 'error' | 'warning';
  then: EnvVariable[];
}

export interface ReferencedVariable {
  name: string;
  /** Whether Compose finds it where it looks for such: in the environment and in `.env`, not in a service's env file. */
  set: boolean;
  /** Without it Compose refuses the file. */
  required: boolean;
  /** Whether the compose file says what to use without it. */
  hasDefault: boolean;
}
