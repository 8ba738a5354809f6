/** The people of the demo, for pages of a server in development mode. */
import { given, type Rest } from '../sdk/rest.ts';
import type { User } from '../sdk/index.ts';

/** Listed with the rights of user 1. @throws Refusal, Unreachable */
export async function usersAsAdmin(rest: Rest): Promise<User[]> {
  return given(await rest.send<User[]>('/users?limit=100', { headers: { 'x-user-id': '1' } }));
}
