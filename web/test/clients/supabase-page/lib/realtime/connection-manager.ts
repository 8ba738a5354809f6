import { supabase } from '@/lib/supabase'

class RealtimeConnectionManager {
  private channels: Map<string, any> = new Map()
  private maxChannels = 10
  
  subscribe(channelName: string, options: any) {
    // Reuse existing channels
    if (this.channels.has(channelName)) {
      return this.channels.get(channelName)
    }
    
    // Enforce connection limit
    if (this.channels.size >= this.maxChannels) {
      const oldestChannel = this.channels.keys().next().value
      this.unsubscribe(oldestChannel)
    }
    
    const channel = supabase.channel(channelName, options)
    this.channels.set(channelName, channel)
    return channel
  }
  
  unsubscribe(channelName: string) {
    const channel = this.channels.get(channelName)
    if (channel) {
      supabase.removeChannel(channel)
      this.channels.delete(channelName)
    }
  }
  
  unsubscribeAll() {
    this.channels.forEach(channel => {
      supabase.removeChannel(channel)
    })
    this.channels.clear()
  }
}

export const realtimeManager = new RealtimeConnectionManager()
