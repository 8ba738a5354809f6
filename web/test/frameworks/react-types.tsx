/** Compiled, not run: the types of the elements in JSX. */
import type {} from '../../src/react/index.ts';

export const page = (
  <div>
    <seatcast-availability event={42} ticket-type={7} quiet announce={false} />
    <seatcast-booking event="42" className="panel">
      <seatcast-ticket-types event={42} readonly={false} unseated />
    </seatcast-booking>
    {/* @ts-expect-error there is no such attribute */}
    <seatcast-availability event={42} loud />
    {/* @ts-expect-error an event is a number */}
    <seatcast-notices event={{}} />
  </div>
);
