/** A role, in the whole tenant or in one organization. */
export interface Grant {
  readonly role: string
  readonly organization?: string
}

export const grantKey = ({ role, organization }: Grant): string => (organization === undefined ? role : `${role}~${organization}`)
