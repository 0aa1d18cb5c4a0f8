/** docker-compose.temporal.yml, whose jobs and settings the tests run without its images. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { root } from './program.ts';

export const composeFile = join(root, 'docker-compose.temporal.yml');

interface Service {
  image: string;
  environment: Record<string, string | number>;
  command: string[];
}

interface ComposeFile {
  services: Record<'schema' | 'temporal' | 'namespace', Service>;
  configs: { 'dynamic-config': { content: string } };
}

export const readComposeFile = (): ComposeFile => parse(readFileSync(composeFile, 'utf8'), { merge: true });

/** What a job's shell gets to run: Compose writes a dollar as two. */
export const scriptOf = ({ command: [script = ''] }: Service): string => script.replaceAll('$$', '$');
