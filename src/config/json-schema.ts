import * as z from 'zod';
import { configSchema } from './schema.ts';

/** What a file must look like, for editors: draft 7, which all of them read. What only a run can tell, it lets pass. */
export function configJsonSchema(): z.core.JSONSchema.JSONSchema {
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' });
}
