import { useEffect, useState } from 'react'
import { supabase } from '@/lib/supabase'
import { useRegistration } from '@/contexts/registration-context'

interface PresenceState {
  userId: string
  eventId: string
  step: string
  joinedAt: string
}

export function useRegistrationPresence(eventId: string) {
  const { currentStep, registrationId } = useRegistration()
  const [activeUsers, setActiveUsers] = useState<PresenceState[]>([])
  const [presenceChannel, setPresenceChannel] = useState<any>(null)
  
  useEffect(() => {
    const channel = supabase.channel(`registration:${eventId}`)
    
    channel
      .on('presence', { event: 'sync' }, () => {
        const state = channel.presenceState()
        const users = Object.values(state).flat() as PresenceState[]
        setActiveUsers(users)
      })
      .on('presence', { event: 'join' }, ({ key, newPresences }) => {
        console.log('User joined:', newPresences)
      })
      .on('presence', { event: 'leave' }, ({ key, leftPresences }) => {
        console.log('User left:', leftPresences)
      })
      .subscribe(async (status) => {
        if (status === 'SUBSCRIBED') {
          await channel.track({
            userId: registrationId,
            eventId,
            step: currentStep,
            joinedAt: new Date().toISOString()
          })
        }
      })
    
    setPresenceChannel(channel)
    
    // Update presence when step changes
    if (channel && currentStep) {
      channel.track({
        userId: registrationId,
        eventId,
        step: currentStep,
        joinedAt: new Date().toISOString()
      })
    }
    
    return () => {
      channel.untrack()
      supabase.removeChannel(channel)
    }
  }, [eventId, currentStep, registrationId])
  
  return {
    activeUsers: activeUsers.filter(u => u.userId !== registrationId),
    totalActive: activeUsers.length,
    byStep: activeUsers.reduce((acc, user) => {
      acc[user.step] = (acc[user.step] || 0) + 1
      return acc
    }, {} as Record<string, number>)
  }
}
