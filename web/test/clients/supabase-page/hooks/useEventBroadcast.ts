import { useEffect, useState } from 'react'
import { supabase } from '@/lib/supabase'

export function useEventBroadcast(eventId: string) {
  const [lastUpdate, setLastUpdate] = useState<any>(null)
  
  useEffect(() => {
    const channel = supabase
      .channel(`event-updates:${eventId}`)
      .on('broadcast', { event: 'update' }, (payload) => {
        setLastUpdate(payload)
        
        // Handle different update types
        switch (payload.updateType) {
          case 'capacity_change':
            toast.info('Event capacity has been updated')
            break
          case 'info_update':
            toast.info('Event information has been updated')
            break
          case 'cancellation':
            toast.error('This event has been cancelled')
            // Redirect to events page
            break
        }
      })
      .subscribe()
    
    return () => {
      supabase.removeChannel(channel)
    }
  }, [eventId])
  
  // Admin broadcast function
  async function broadcastUpdate(updateType: string, data: any) {
    await supabase
      .channel(`event-updates:${eventId}`)
      .send({
        type: 'broadcast',
        event: 'update',
        payload: {
          updateType,
          data,
          timestamp: new Date().toISOString()
        }
      })
  }
  
  return { lastUpdate, broadcastUpdate }
}
