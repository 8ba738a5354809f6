import { useTicketAvailability } from '@/components/event/TicketAvailabilityProvider'

export function TicketOption({ ticket }: { ticket: EventTicket }) {
  const { available, isLive } = useTicketAvailability(ticket.id)
  
  return (
    <div className="ticket-option">
      <h3>{ticket.name}</h3>
      <p className="price">${ticket.price}</p>
      
      {/* Real-time availability indicator */}
      <div className="availability">
        {isLive && <span className="live-indicator">LIVE</span>}
        
        {available === 0 ? (
          <span className="sold-out">SOLD OUT</span>
        ) : available < 10 ? (
          <span className="low-stock">Only {available} left!</span>
        ) : (
          <span className="in-stock">{available} available</span>
        )}
      </div>
      
      <button 
        disabled={available === 0}
        onClick={() => selectTicket(ticket)}
      >
        {available === 0 ? 'Sold Out' : 'Select'}
      </button>
    </div>
  )
}
