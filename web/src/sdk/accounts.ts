/** Accounts: to register, to sign in and to stay signed in. */

export interface Account {
  id: number;
  name: string;
  email: string | null;
  role: string;
  /** Whether the e-mail address is proven. */
  email_confirmed: boolean;
}

export type OrganizationRole = 'owner' | 'manager' | 'box_office' | 'scanner' | 'finance';

/** The account that is signed in, and the organizations that it works for beside its own. */
export interface Me extends Account {
  organizations: { organization_id: number; role: OrganizationRole }[];
}

/** A sign-in's answer. */
export interface Session {
  access_token: string;
  /** Until the access token ends, in seconds. */
  expires_in: number;
  /** Good once, for the next session. */
  refresh_token: string;
  user: Account;
}

/** An organization that one has joined. */
export interface Joined {
  organization_id: number;
  member: { user_id: number; name: string; email: string | null; role: string };
}

export interface NewAccount {
  name: string;
  email: string;
  password: string;
}
