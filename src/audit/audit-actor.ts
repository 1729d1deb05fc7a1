/** Who does what the audit trail records. @module */
import { hostname, userInfo } from 'node:os';

/** All are names that other systems show; none of them proves an identity. */
export interface AuditActor {
  /** The user of the operating system, or what the caller passed. */
  readonly user: string;
  readonly host: string;
  /** The job of a CI system, by the variables that it sets. */
  readonly ci?: AuditCi;
}

export interface AuditCi {
  /** Such as `GitHub Actions`. */
  readonly name: string;
  /** Who started the job. */
  readonly user?: string;
  readonly repository?: string;
  /** The number or id of the job. */
  readonly job?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface CiVariables {
  readonly name: string;
  /** Set in each job. */
  readonly sign: string;
  readonly user: string;
  readonly repository: string;
  readonly job: string;
}

const CI_SYSTEMS: readonly CiVariables[] = [
  {
    name: 'GitHub Actions',
    sign: 'GITHUB_ACTIONS',
    user: 'GITHUB_ACTOR',
    repository: 'GITHUB_REPOSITORY',
    job: 'GITHUB_RUN_ID',
  },
  {
    name: 'GitLab CI',
    sign: 'GITLAB_CI',
    user: 'GITLAB_USER_LOGIN',
    repository: 'CI_PROJECT_PATH',
    job: 'CI_JOB_ID',
  },
  {
    name: 'Azure Pipelines',
    sign: 'TF_BUILD',
    user: 'BUILD_REQUESTEDFOREMAIL',
    repository: 'BUILD_REPOSITORY_NAME',
    job: 'BUILD_BUILDID',
  },
];

/** Longer texts are cut: variables are set by others. */
const MOST_LETTERS = 200;

/**
 * Returns who works here, as audit events name it: for reports and logs that are to agree with the trail.
 *
 * @param env - Where a CI system sets its variables: `process.env`.
 * @param user - In place of the user of the operating system.
 *
 * @example
 * ```ts
 * import { auditActor } from '@bytelyst/field-encrypt/audit';
 *
 * const { user } = auditActor({ GITHUB_ACTIONS: 'true', GITHUB_ACTOR: 'ana' }, 'deploy');
 * console.log(user); // deploy
 * ```
 */
export function auditActor(env: Environment, user?: string): AuditActor {
  const ci = ciOf(env);
  return { user: user ?? osUser(), host: short(hostname()) ?? 'unknown', ...(ci && { ci }) };
}

function ciOf(env: Environment): AuditCi | undefined {
  const system = CI_SYSTEMS.find(({ sign }) => (env[sign] ?? '') !== '');
  if (!system) return undefined;
  const facts = {
    user: env[system.user],
    repository: env[system.repository],
    job: env[system.job],
  };
  const present = Object.entries(facts).flatMap(([name, value]) => {
    const text = short(value);
    return text === undefined ? [] : [[name, text] as const];
  });
  return { name: system.name, ...Object.fromEntries(present) };
}

function short(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text.slice(0, MOST_LETTERS).toWellFormed();
}

/** Containers may run under a number that has no name. */
function osUser(): string {
  try {
    return short(userInfo().username) ?? 'unknown';
  } catch {
    return typeof process.getuid === 'function' ? `uid ${String(process.getuid())}` : 'unknown';
  }
}
