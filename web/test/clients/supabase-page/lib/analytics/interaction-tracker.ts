import { supabase } from '@/lib/supabase'

class InteractionTracker {
  private queue: any[] = []
  private flushInterval: NodeJS.Timer | null = null
  
  constructor() {
    // Batch writes every 5 seconds
    this.flushInterval = setInterval(() => {
      this.flush()
    }, 5000)
  }
  
  track(action: string, data: any) {
    this.queue.push({
      action,
      data,
      timestamp: new Date().toISOString(),
      session_id: getSessionId(),
      user_id: getUserId(),
      page_url: window.location.href,
      user_agent: navigator.userAgent
    })
    
    // Flush immediately if queue is large
    if (this.queue.length > 50) {
      this.flush()
    }
  }
  
  async flush() {
    if (this.queue.length === 0) return
    
    const items = [...this.queue]
    this.queue = []
    
    try {
      await supabase
        .from('user_interactions')
        .insert(items)
    } catch (error) {
      // Re-queue on failure
      this.queue.unshift(...items)
    }
  }
}

export const tracker = new InteractionTracker()
