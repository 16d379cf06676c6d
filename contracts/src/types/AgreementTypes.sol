// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice What two parties sign. Its EIP-712 digest is the agreement's id; every later call carries it again.
/// @dev 30 static words: the struct hash is the keccak of the raw calldata behind the type hash.
/// @param kind 1 delivery (customer and manufacturer), 2 supply (manufacturer and supplier).
/// @param supplyCount Supplies that open together with this delivery; 0 in a supply.
/// @param payer Funds the agreement.
/// @param payee Is paid by it.
/// @param attestor The maker's gateway key; zero where no milestone names it.
/// @param witness An independent test house or goods-in gateway; zero where no milestone names it.
/// @param carrier Signs the delivery; zero where only the handover secret counts.
/// @param arbiter Decides disputes; neither party, attestor, witness nor carrier.
/// @param token A listed ERC-20.
/// @param unit Token units in one cent; every computed part is floored to it.
/// @param amount The whole price, fee included, in token units; a multiple of `unit`.
/// @param milestones Eight lanes of 32 bits, lane i at bit 32 i: bps << 18 | eventCode << 2 | Witnessed.
/// @param fundBy Last second in which the agreement may be opened.
/// @param deliverBy Last second in which a delivery is on time.
/// @param grace Seconds after `deliverBy` in which a late delivery still counts.
/// @param contestWindow Seconds in which the payer may contest a claim.
/// @param acceptWindow Seconds after the delivery in which the payer may look at it.
/// @param retentionWindow Seconds after the delivery for which the retention share is kept.
/// @param arbiterWindow Seconds the arbiter has.
/// @param penaltyBpsPerDay Deduction for each started day of lateness.
/// @param penaltyCapBps Most that lateness costs.
/// @param feeBps Share of what the payee earns that goes to the fee receiver.
/// @param cancelBps Share of the rest that a payer's cancellation leaves to the payee.
/// @param cancelUntil Milestone whose claim or approval ends the payer's right to cancel; 255 = there is no such right.
/// @param timeoutBps Share of the rest for the payee where the arbiter stays silent after a delivery.
/// @param handover keccak256 of the recipient's 32-byte secret; zero where only the carrier counts.
/// @param parent The delivery's id in a supply; zero in a delivery.
/// @param replaces The id this agreement succeeds; zero in a first agreement.
/// @param specHash Commitment to configuration, quote and version.
/// @param salt Random; makes equal orders distinct.
struct Terms {
    uint8 kind;
    uint8 supplyCount;
    address payer;
    address payee;
    address attestor;
    address witness;
    address carrier;
    address arbiter;
    address token;
    uint96 unit;
    uint96 amount;
    uint256 milestones;
    uint40 fundBy;
    uint40 deliverBy;
    uint32 grace;
    uint32 contestWindow;
    uint32 acceptWindow;
    uint32 retentionWindow;
    uint32 arbiterWindow;
    uint16 penaltyBpsPerDay;
    uint16 penaltyCapBps;
    uint16 feeBps;
    uint16 cancelBps;
    uint8 cancelUntil;
    uint16 timeoutBps;
    bytes32 handover;
    bytes32 parent;
    bytes32 replaces;
    bytes32 specHash;
    bytes32 salt;
}

/// @notice Where an agreement stands. Open, Delivered, Retained and Disputed still hold money for somebody.
enum State {
    Open,
    Delivered,
    Retained,
    Disputed,
    Settled,
    Refunded,
    Resolved
}

/// @notice Whose signature proves a milestone.
enum Witnessed {
    Attestor,
    Witness,
    Both,
    Payer
}

/// @notice To whom a credited due belongs.
enum Party {
    Payee,
    Payer,
    FeeReceiver
}

/// @notice Why money moved inside the books.
enum Reason {
    Advance,
    Claim,
    Approval,
    Acceptance,
    Retention,
    Refund,
    Revocation,
    Cancellation,
    Resolution,
    Timeout,
    Split,
    Replacement
}

/// @notice A party's consent: a signature, or an empty one where the party itself sends the transaction.
/// @param deadline Last second in which the signature counts.
/// @param signature 65 bytes with low s, or whatever an ERC-1271 account understands.
struct Authorisation {
    uint256 deadline;
    bytes signature;
}

/// @notice One leaf of a signed evidence tree.
/// @param at Milliseconds since 1970 by the witness's clock; informs people, moves no deadline.
/// @param payloadHash keccak256 of the canonical event.
/// @param proof Siblings from the leaf to the root.
/// @param root The tree's root.
/// @param sequence Counts the signer's roots from 1.
/// @param previous The signer's root before this one.
/// @param signature The signer's `EvidenceRoot` signature.
struct Evidence {
    uint64 at;
    bytes32 payloadHash;
    bytes32[] proof;
    bytes32 root;
    uint64 sequence;
    bytes32 previous;
    bytes signature;
}

/// @notice An EIP-2612 permit of the payer for the factory; a deadline of zero means that there is none.
struct Permit {
    uint256 value;
    uint256 deadline;
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// @notice One agreement to open, with its two signatures.
struct Entry {
    Terms terms;
    bytes payerSignature;
    bytes payeeSignature;
    Permit permit;
}

/// @notice An agreement's books as a reader sees them, in token units. Only what happened is stored; amounts follow
/// from it and the terms.
/// @param released Bit i: milestone i is paid.
/// @param deliveredAt Second of the delivery; zero before it.
/// @param left What no party has earned yet; mature claims that no move has paid are still in it.
/// @param feeDue What the fee receiver is paid when the agreement ends.
/// @param payeeDue What the token refused to move to the payee.
/// @param payerDue What the token refused to move to the payer.
/// @param disputedAt Second from which the arbiter's time counts; zero where nobody disputed.
/// @param disputedIn State in which the dispute stands: Open, Delivered or Retained.
struct Books {
    State state;
    uint8 released;
    uint40 deliveredAt;
    uint96 left;
    uint96 feeDue;
    uint96 payeeDue;
    uint96 payerDue;
    uint40 disputedAt;
    State disputedIn;
}

/// @notice What is written only where a token refuses a payment or somebody disputes.
struct Aside {
    uint96 payeeDue;
    uint96 payerDue;
    uint40 disputedAt;
    State disputedIn;
    uint96 feeDue;
}
