import { createContext, useContext, useEffect, useState } from 'react'
import { RealtimeChannel } from '@supabase/supabase-js'
import { supabase } from '@/lib/supabase'

interface TicketAvailability {
  ticketTypeId: string
  availableCount: number
  reservedCount: number
  soldCount: number
  lastUpdated: string
}

const TicketAvailabilityContext = createContext<{
  availability: Map<string, TicketAvailability>
  isLive: boolean
}>({
  availability: new Map(),
  isLive: false
})

export function TicketAvailabilityProvider({ 
  eventId, 
  children 
}: { 
  eventId: string
  children: React.ReactNode 
}) {
  const [availability, setAvailability] = useState<Map<string, TicketAvailability>>(new Map())
  const [isLive, setIsLive] = useState(false)
  
  useEffect(() => {
    // Initial load
    loadTicketAvailability()
    
    // Subscribe to changes
    const channel = supabase
      .channel(`event-tickets:${eventId}`)
      .on(
        'postgres_changes',
        {
          event: 'UPDATE',
          schema: 'public',
          table: 'event_tickets',
          filter: `event_id=eq.${eventId}`
        },
        (payload) => {
          // Update specific ticket type
          setAvailability(prev => {
            const updated = new Map(prev)
            updated.set(payload.new.id, {
              ticketTypeId: payload.new.id,
              availableCount: payload.new.available_count,
              reservedCount: payload.new.reserved_count,
              soldCount: payload.new.sold_count,
              lastUpdated: payload.new.updated_at
            })
            return updated
          })
          
          // Show notification if low availability
          if (payload.new.available_count < 10 && payload.new.available_count > 0) {
            showLowAvailabilityWarning(payload.new.name, payload.new.available_count)
          }
        }
      )
      .subscribe((status) => {
        setIsLive(status === 'SUBSCRIBED')
      })
    
    return () => {
      supabase.removeChannel(channel)
    }
  }, [eventId])
  
  async function loadTicketAvailability() {
    const { data, error } = await supabase
      .from('event_tickets')
      .select('id, available_count, reserved_count, sold_count, updated_at')
      .eq('event_id', eventId)
    
    if (data) {
      const availabilityMap = new Map<string, TicketAvailability>()
      data.forEach(ticket => {
        availabilityMap.set(ticket.id, {
          ticketTypeId: ticket.id,
          availableCount: ticket.available_count,
          reservedCount: ticket.reserved_count,
          soldCount: ticket.sold_count,
          lastUpdated: ticket.updated_at
        })
      })
      setAvailability(availabilityMap)
    }
  }
  
  return (
    <TicketAvailabilityContext.Provider value={{ availability, isLive }}>
      {children}
    </TicketAvailabilityContext.Provider>
  )
}

// Hook to use in components
export function useTicketAvailability(ticketTypeId: string) {
  const { availability, isLive } = useContext(TicketAvailabilityContext)
  return {
    available: availability.get(ticketTypeId)?.availableCount ?? 0,
    reserved: availability.get(ticketTypeId)?.reservedCount ?? 0,
    sold: availability.get(ticketTypeId)?.soldCount ?? 0,
    isLive
  }
}
