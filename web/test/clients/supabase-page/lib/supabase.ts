import { createClient } from '@supabase/supabase-js'

// Changed for Seatcast: the address and the key.
export const supabase = createClient(settings.url, settings.key)
