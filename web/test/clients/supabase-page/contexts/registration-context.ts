import { createContext, useContext } from 'react'

export const RegistrationContext = createContext({ currentStep: '', registrationId: '' })

export function useRegistration() {
  return useContext(RegistrationContext)
}
