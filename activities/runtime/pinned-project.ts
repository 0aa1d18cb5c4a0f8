import type { TargetConfig } from '../../src/contracts/target.ts';
import { quote } from '../../src/domain/shell-quote.ts';

/** Where a host keeps under which name the stack of a target runs: one line, written with every snapshot. */
export const pinPath = (target: string): string => `projects/${target}`;

/**
 * Lets Compose go by the name that the stack has, whatever name the compose file gives it by now: that would be a second
 * stack beside the first one. What runs in the checkout does not tell: another target may have its stack there.
 * Bash, for scripts that name no project; `-p`, and so `compose.project`, wins over it.
 */
export const pinnedProject = ({ name, runtime }: TargetConfig): string =>
  runtime.kind === 'commands'
    ? ''
    : `if read -r COMPOSE_PROJECT_NAME <"$(git rev-parse --git-common-dir)/deploy-by-commit/"${quote(pinPath(name))}; then
  export COMPOSE_PROJECT_NAME
fi 2>/dev/null
`;
