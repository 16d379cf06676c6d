/** Short names for the shapes of the generated schema, taken from the paths so that component names may change. */
import type { paths } from './schema'

type Json<R> = R extends { content: { 'application/json': infer T } } ? T : never
type Ok<O> = O extends { responses: infer R }
  ? R extends { 200: infer A } ? Json<A> : R extends { 201: infer B } ? Json<B> : never
  : never
type Body<O> = O extends { requestBody: { content: { 'application/json': infer T } } } ? T : never

export type Account = Ok<paths['/v1/me']['get']>
export type Role = Account['role']
export type NewAccount = Body<paths['/v1/accounts']['post']>
export type Joining = Body<paths['/v1/join']['post']>
export type Joined = Ok<paths['/v1/join']['post']>
export type InvitationSeen = Ok<paths['/v1/join/invitation']['post']>
export type AbsentSupplier = Ok<paths['/v1/orders/{id}/absent-suppliers']['get']>['items'][number]
export type Invitation = Ok<paths['/v1/orders/{id}/invitations']['get']>['items'][number]
export type Chain = Ok<paths['/v1/chain']['get']>
export type ProductSummary = Ok<paths['/v1/products']['get']>['items'][number]
export type Product = Ok<paths['/v1/products/{id}']['get']>
export type ProductModule = Product['modules'][number]
export type ProductOption = ProductModule['options'][number]
export type Configuration = Record<string, string | number>
export type ConfigurationAnswer = Ok<paths['/v1/products/{id}/configuration']['post']>
export type Repair = ConfigurationAnswer['repairs'][number]
export type QuoteAnswer = Ok<paths['/v1/products/{id}/quotes']['post']>
export type Quote = QuoteAnswer['quote']
export type QuoteDate = QuoteAnswer['dates'][number]
export type NewOrder = Body<paths['/v1/orders']['post']>
export type Order = Ok<paths['/v1/orders/{id}']['get']>
export type OrderStatus = Order['status']
export type Agreement = Order['agreements'][number]
export type TimelineItem = Ok<paths['/v1/orders/{id}/timeline']['get']>['items'][number]
export type Confirmation = Ok<paths['/v1/orders/{id}/confirmation']['get']>
export type Acceptance = Ok<paths['/v1/orders/{id}/acceptance']['get']>
export type Dispute = Ok<paths['/v1/orders/{id}/dispute']['get']>
export type Statement = Dispute['statements'][number]
export type Photo = Dispute['photos'][number]
export type Fact = Confirmation['readable'][number]
export type SignatureRequest = Ok<paths['/v1/signature-requests']['get']>['items'][number]
export type Job = Ok<paths['/v1/jobs']['get']>['items'][number]
export type Report = Body<paths['/v1/jobs/{id}/reports']['post']>['kind']
export type Rule = Ok<paths['/v1/manufacturer/rule']['get']>
export type InboxItem = Ok<paths['/v1/inbox']['get']>['items'][number]
