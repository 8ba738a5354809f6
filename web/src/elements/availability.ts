/** The element with the tickets that are left, alone: a third of what all elements weigh. */
export * from './seatcast-availability/seatcast-availability.ts';
export { useClient } from './internal/shared-client.ts';
export { LiveClient } from '../sdk/live-client.ts';
