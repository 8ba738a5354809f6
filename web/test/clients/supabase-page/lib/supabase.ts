import { createClient } from '@supabase/supabase-js'

// What is changed for Seatcast: the address and the key.
export const supabase = createClient(settings.url, settings.key)
