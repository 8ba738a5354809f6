// Test cards, by number and by the name of their payment method: what each of them does.

const CARDS = {
  4242424242424242: { names: ['pm_card_visa'], does: 'succeeds' },
  5555555555554444: { names: ['pm_card_mastercard'], brand: 'mastercard', does: 'succeeds' },
  4000000000000002: { names: ['pm_card_chargeDeclined', 'pm_card_visa_chargeDeclined'], does: 'declines', code: 'generic_decline' },
  4000000000009995: { names: ['pm_card_chargeDeclinedInsufficientFunds'], does: 'declines', code: 'insufficient_funds' },
  4000000000000341: { names: ['pm_card_chargeCustomerFail'], does: 'declines', code: 'generic_decline' },
  4000002500003155: { names: ['pm_card_authenticationRequired', 'pm_card_threeDSecure2Required'], does: 'asks' },
  // Works on it until the control path says how it ends.
  4000000000000077: { names: ['pm_card_processing'], does: 'processes' },
};

export function card(number) {
  const found = CARDS[String(number).replace(/\s/g, '')];
  return found && { number: String(number).replace(/\s/g, ''), ...found };
}

export function cardNamed(name) {
  const found = Object.entries(CARDS).find(([, one]) => one.names.includes(name));
  return found && { number: found[0], ...found[1] };
}
