// A page that was written for Supabase. Components, hooks and classes are a guide's, word for word; only imports that it
// leaves out were added. This file and `contexts` are the surroundings that it takes for granted, `lib/supabase` has the
// two lines that change. `supabase-js.test.ts` bundles it and looks at what it shows.
import { useState } from 'react'
import { createRoot } from 'react-dom/client'
import { TicketAvailabilityProvider } from '@/components/event/TicketAvailabilityProvider'
import { RegistrationActivity } from '@/components/register/RegistrationActivity'
import { TicketOption } from '@/components/register/TicketOption'
import { RegistrationContext } from '@/contexts/registration-context'
import { useEventBroadcast } from '@/hooks/useEventBroadcast'
import { tracker } from '@/lib/analytics/interaction-tracker'
import { realtimeManager } from '@/lib/realtime/connection-manager'
import { supabase } from '@/lib/supabase'

const said: string[] = []
const say = (text: string) => void said.push(text)
Object.assign(window, {
  supabase,
  tracker,
  realtimeManager,
  said,
  selectTicket: () => {},
  showLowAvailabilityWarning: (name: string, left: number) => say(`${name}: ${left}`),
  toast: { info: say, error: say },
  getSessionId: () => settings.registrationId,
  getUserId: () => `user of ${settings.registrationId}`,
})

function Banner({ eventId }: { eventId: string }) {
  const { lastUpdate, broadcastUpdate } = useEventBroadcast(eventId)
  Object.assign(window, { broadcastUpdate })
  return lastUpdate && <p className="banner">{JSON.stringify(lastUpdate.payload)}</p>
}

function Page() {
  const [currentStep, setStep] = useState('ticket_selection')
  Object.assign(window, { setStep })
  const { eventId, registrationId, ticket } = settings
  return (
    <RegistrationContext.Provider value={{ currentStep, registrationId }}>
      <TicketAvailabilityProvider eventId={eventId}>
        <Banner eventId={eventId} />
        <TicketOption ticket={ticket} />
        <RegistrationActivity eventId={eventId} />
      </TicketAvailabilityProvider>
    </RegistrationContext.Provider>
  )
}

createRoot(document.getElementById('root')!).render(<Page />)
