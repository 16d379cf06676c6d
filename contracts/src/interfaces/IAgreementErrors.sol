// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Party, State, Witnessed} from "../types/AgreementTypes.sol";

/// @notice Every reason for which the factory or an agreement refuses a call.
interface IAgreementErrors {
    // ── a batch ──────────────────────────────────────────────────────────────────────────────────
    /// @notice A batch holds one delivery and at most 31 supplies.
    error WrongBatchSize(uint256 count);
    /// @notice The first entry is a delivery, all others are supplies.
    error WrongKind(bytes32 id, uint8 expected, uint8 actual);
    /// @notice The delivery names another number of supplies, or a supply names any.
    error WrongSupplyCount(bytes32 id, uint256 expected, uint256 actual);
    /// @notice A supply belongs to another delivery, or a delivery names a parent.
    error ForeignParent(bytes32 id, bytes32 expected, bytes32 actual);
    /// @notice A supply is paid by the manufacturer of its delivery and nobody else.
    error ForeignPayer(bytes32 id, address expected, address actual);
    /// @notice All agreements of a batch count in one token and one unit.
    error MixedMoney(bytes32 id);
    /// @notice The agreement replaces another one than this, or is a first one and replaces any.
    error ForeignPredecessor(bytes32 id, bytes32 expected, bytes32 actual);
    /// @notice A successor is paid to the payee of the agreement that it replaces.
    error ForeignPayee(bytes32 id, address expected, address actual);
    /// @notice A successor has no advance: its money was earned or not under the old terms.
    error UnexpectedAdvance(bytes32 id);
    /// @notice A successor needs a handover secret that nobody has seen yet.
    error HandoverReused(bytes32 id);
    /// @notice The successor lets the attestor alone release more than the old agreement still did.
    error CapRestarted(bytes32 id, uint256 selfAttested, uint256 allowed);
    /// @notice The old agreement brings along less than the payer agreed to.
    error CarriesLess(uint256 carried, uint256 least);
    /// @notice There is no such agreement, or it is not open any more.
    error NotOpen(bytes32 id);
    /// @notice The named party did not sign these terms.
    error NotSigned(bytes32 id, address party);
    /// @notice The token did not move exactly what was asked for.
    error TransferMismatch(address token, uint256 expected, uint256 actual);
    /// @notice The chain took another number: a new agreement could not read its own terms.
    error ChainRenumbered(uint256 expected, uint256 actual);
    /// @notice The factory was deployed with parts that do not belong together.
    error WrongDeployment();

    // ── terms ────────────────────────────────────────────────────────────────────────────────────
    /// @notice A member has bits beyond its type.
    error DirtyTerms();
    /// @notice The factory does not know this token.
    error TokenNotListed(address token);
    /// @notice Payer, payee or arbiter is the zero address.
    error PartyMissing();
    /// @notice One address holds two roles that must be apart.
    error RoleConflict(address account);
    /// @notice Neither a carrier nor a handover secret could ever prove the delivery.
    error NoDeliveryProof();
    /// @notice The amount is zero, the unit is zero, or the one is no multiple of the other.
    error BadAmount(uint96 amount, uint96 unit);
    /// @notice A window that somebody needs is zero or longer than four years.
    error BadWindow(uint256 window);
    /// @notice The agreement was signed for funding before this second.
    error FundingExpired(uint40 fundBy);
    /// @notice Funding ends after the delivery date, or the last second of a delivery is more than four years away.
    error BadDeadlines(uint40 fundBy, uint40 deliverBy);
    /// @notice A rate is above 100 %.
    error RateTooHigh(uint256 bps);
    /// @notice The milestones together are above 100 %.
    error SharesTooHigh(uint256 bps);
    /// @notice What the maker's evidence alone releases, advance included, is above the factory's ceiling.
    error SelfAttestedTooHigh(uint256 bps, uint256 ceilingBps);
    /// @notice The fee is above the factory's ceiling.
    error FeeTooHigh(uint256 bps, uint256 ceilingBps);
    /// @notice A milestone names a signer that the terms do not.
    error SignerMissing(Witnessed signer);
    /// @notice A milestone has no event code, one that another milestone has, or an advance that is not the first.
    error BadEventCode(uint256 milestone, uint16 eventCode);
    /// @notice `cancelUntil` names an empty lane.
    error BadCancelUntil(uint8 milestone);

    // ── moves ────────────────────────────────────────────────────────────────────────────────────
    /// @notice Only the factory opens agreements.
    error OnlyFactory(address caller);
    /// @notice The terms in the call are not this agreement's.
    error WrongTerms(bytes32 expected, bytes32 actual);
    /// @notice The move does not exist in this state.
    error WrongState(State current);
    /// @notice The move opens after this second.
    error TooEarly(uint256 opensAfter);
    /// @notice The move was possible until this second.
    error TooLate(uint256 closedAt);
    /// @notice The lane is empty, reserved, or proved in another way.
    error WrongMilestone(uint256 milestone);
    /// @notice A milestone is claimed once.
    error AlreadyClaimed(uint256 milestone);
    /// @notice There is no pending claim to contest.
    error NothingToContest(uint256 milestone);
    /// @notice The milestone asks for another number of signed leaves.
    error WrongEvidenceCount(uint256 expected, uint256 actual);
    /// @notice The leaf of this agreement and event is not under that root.
    error NotIncluded(bytes32 leaf, bytes32 root);
    /// @notice The named signer did not sign that root.
    error RootNotSigned(address signer, bytes32 root);
    /// @notice The payer's right to cancel has ended, or the terms give none.
    error NotCancellable(uint8 cancelUntil);
    /// @notice The cancellation would leave the payee more than the payer agreed to.
    error CostsMore(uint256 costs, uint256 most);
    /// @notice The secret does not fit the handover hash.
    error WrongSecret();
    /// @notice Neither sent nor signed by the party whose move this is.
    error Unauthorised(address party);
    /// @notice The signature was good until this second.
    error SignatureExpired(uint256 deadline);
    /// @notice Nothing is credited to that party.
    error NothingDue(Party party);
}
