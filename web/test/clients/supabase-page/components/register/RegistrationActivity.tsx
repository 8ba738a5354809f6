import { useRegistrationPresence } from '@/hooks/useRegistrationPresence'

export function RegistrationActivity({ eventId }: { eventId: string }) {
  const { totalActive, byStep } = useRegistrationPresence(eventId)
  
  if (totalActive <= 1) return null
  
  return (
    <div className="registration-activity">
      <div className="flex items-center gap-2">
        <div className="flex -space-x-2">
          {[...Array(Math.min(totalActive - 1, 5))].map((_, i) => (
            <div
              key={i}
              className="w-8 h-8 rounded-full bg-primary flex items-center justify-center text-white text-xs"
            >
              {i + 1}
            </div>
          ))}
          {totalActive > 6 && (
            <div className="w-8 h-8 rounded-full bg-gray-300 flex items-center justify-center text-xs">
              +{totalActive - 6}
            </div>
          )}
        </div>
        
        <p className="text-sm text-muted-foreground">
          {totalActive - 1} other {totalActive === 2 ? 'person is' : 'people are'} registering for this event
        </p>
      </div>
      
      {/* Optional: Show where people are in the process */}
      {byStep.ticket_selection > 0 && (
        <p className="text-xs text-muted-foreground mt-1">
          {byStep.ticket_selection} selecting tickets now
        </p>
      )}
    </div>
  )
}
