/** What git says of a recorded commit: `git show --stat`. */
export interface CommitInfo {
  sha: string;
  author: string;
  email: string;
  /** ISO 8601, by the author's clock. */
  at: string;
  /** All of it; the subject is its first line. */
  message: string;
  /** How many files it changes, against its first parent. */
  files: number;
  /** A line a file, and the totals; cut at 200 files. */
  stat: string;
}

/** Manual changes that a deploy found on the host, or that were made during it, kept in the host's repository. */
export interface SavedChanges {
  /** `refs/dbc/saved/<deploy>` */
  ref: string;
  /** ISO 8601, by the host's clock. */
  at: string;
  /** As git quotes them. */
  files: string[];
  /** To be typed on the host. */
  commands: {
    show: string;
    /** All of them, on top of what is checked out. */
    apply: string;
    /** One file, as it was. Absent when all that was changed is that files were removed. */
    file?: string;
  };
}

/** What a host can tell of its releases beside their records. */
export interface ReleaseHistory {
  head: string;
  /** Of the releases and of what is quarantined, as far as the commits are there. */
  commits: CommitInfo[];
  /** For each release, by its deploy, the services whose image is not on the host any more. Absent: Docker does not say. */
  imagesGone?: Record<string, string[]>;
  saved: SavedChanges[];
}
