// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Authorisation, Books, Evidence, Party, Reason, State, Terms} from "../types/AgreementTypes.sol";
import {IAgreementErrors} from "./IAgreementErrors.sol";

/// @title One agreement: holds its own money and moves it only between the addresses of its terms.
/// @notice Every call carries the terms; the clone knows their digest. Each move first pays the claims that nobody
/// contested in time, and pushes what it credits to the owner's own address; what the token refuses to move stays
/// due. A clock is inclusive for the one it protects; the move after it starts one second later.
interface IAgreement is IAgreementErrors {
    /// @notice The state changed.
    event StateChanged(bytes32 indexed id, State from, State to);
    /// @notice A proof of the milestone was accepted; unless contested, its share is paid after `maturesAfter`.
    event Claimed(bytes32 indexed id, uint256 indexed milestone, uint256 maturesAfter, bytes32 payloadHash);
    /// @notice The payer refused a claim: its share stays with the rest.
    event Contested(bytes32 indexed id, uint256 indexed milestone);
    /// @notice The goods were handed over; lateness is settled by this block and costs `penalty`, or what is left.
    event Delivered(bytes32 indexed id, uint256 at, uint256 penalty);
    /// @notice A party disputes what is left, which stood in `from`; the arbiter has until `decideBy`. `by` is zero
    /// where a handover has changed the question of a dispute.
    event Disputed(bytes32 indexed id, address indexed by, State from, uint256 decideBy);
    /// @notice Money moved from `left` to the parties' dues. `milestone` is 255 where no single one is meant.
    event Credited(
        bytes32 indexed id, Reason indexed reason, uint256 milestone, uint256 toPayee, uint256 fee, uint256 toPayer
    );
    /// @notice A due left the contract.
    event Withdrawn(bytes32 indexed id, Party indexed party, address indexed to, uint256 amount);
    /// @notice The token refused to move a due; it waits for `withdraw`.
    event Kept(bytes32 indexed id, Party indexed party, uint256 amount);
    /// @notice The rest funds a successor that both parties signed.
    event Replaced(bytes32 indexed id, bytes32 indexed successor, uint256 carried);

    /// @notice Claims a milestone by the signed evidence of whom it names. Anyone may send it.
    /// @param terms The agreement's terms.
    /// @param milestone The lane.
    /// @param evidence One leaf; for `Both` two, the attestor's first.
    function claim(Terms calldata terms, uint256 milestone, Evidence[] calldata evidence) external;

    /// @notice The payer refuses a pending claim within its contest window.
    /// @param terms The agreement's terms.
    /// @param milestone The lane.
    /// @param consent The payer's `Action` 2 with the lane as data.
    function contest(Terms calldata terms, uint256 milestone, Authorisation calldata consent) external;

    /// @notice The payer releases a milestone, proved or not, contested or not.
    /// @param terms The agreement's terms.
    /// @param milestone The lane.
    /// @param consent The payer's `Action` 3 with the lane as data.
    function approve(Terms calldata terms, uint256 milestone, Authorisation calldata consent) external;

    /// @notice The recipient's secret proves the handover, disputed or not. Anyone may send it.
    /// @param terms The agreement's terms.
    /// @param secret The 32 bytes behind `terms.handover`.
    function deliveredBySecret(Terms calldata terms, bytes32 secret) external;

    /// @notice The carrier's signature proves the handover, disputed or not.
    /// @param terms The agreement's terms.
    /// @param consent The carrier's `Action` 6 with zero as data.
    function deliveredByCarrier(Terms calldata terms, Authorisation calldata consent) external;

    /// @notice The payer accepts the delivery: all but penalty and retention goes to the payee.
    /// @param terms The agreement's terms.
    /// @param consent The payer's `Action` 1 with zero as data.
    function accept(Terms calldata terms, Authorisation calldata consent) external;

    /// @notice The same once the acceptance window has passed in silence. Anyone may send it.
    /// @param terms The agreement's terms.
    function finalise(Terms calldata terms) external;

    /// @notice Pays the retention share once its window has passed. Anyone may send it.
    /// @param terms The agreement's terms.
    function release(Terms calldata terms) external;

    /// @notice Returns the rest to the payer once delivery date and grace have passed. Anyone may send it.
    /// @param terms The agreement's terms.
    function refund(Terms calldata terms) external;

    /// @notice The payee gives up: what has matured is paid, the rest returns to the payer.
    /// @param terms The agreement's terms.
    /// @param consent The payee's `Action` 7 with zero as data.
    function revoke(Terms calldata terms, Authorisation calldata consent) external;

    /// @notice The payer cancels before `cancelUntil`: uncontested claims are paid, and `cancelBps` of the rest.
    /// @param terms The agreement's terms.
    /// @param most The most of the whole price that the payee and the fee may have kept in the end, in token units.
    /// @param consent The payer's `Action` 4 with `most` as data.
    function cancel(Terms calldata terms, uint256 most, Authorisation calldata consent) external;

    /// @notice A party asks the arbiter: either one before the delivery, the payer alone after it.
    /// @param terms The agreement's terms.
    /// @param party Who disputes: the payer or the payee.
    /// @param consent That party's `Action` 5 with the state's number as data: silence means another thing in each.
    function dispute(Terms calldata terms, Party party, Authorisation calldata consent) external;

    /// @notice The arbiter divides what is disputed between the two parties.
    /// @param terms The agreement's terms.
    /// @param payeeBps The payee's share.
    /// @param consent The arbiter's `Action` 8 with `disputedAt << 16 | payeeBps` as data: a handover in between is
    /// another question.
    function resolve(Terms calldata terms, uint256 payeeBps, Authorisation calldata consent) external;

    /// @notice Ends a dispute on which the arbiter stayed silent. Anyone may send it.
    /// @param terms The agreement's terms.
    function timeout(Terms calldata terms) external;

    /// @notice Both parties divide what is left, in any state that still holds money.
    /// @param terms The agreement's terms.
    /// @param payeeBps The payee's share.
    /// @param payer The payer's `Split`.
    /// @param payee The payee's `Split`.
    function split(
        Terms calldata terms,
        uint256 payeeBps,
        Authorisation calldata payer,
        Authorisation calldata payee
    ) external;

    /// @notice Pushes a due to its owner's fixed address. Anyone may send it.
    /// @param terms The agreement's terms.
    /// @param party Whose due.
    /// @return amount What was paid, in token units.
    function withdraw(Terms calldata terms, Party party) external returns (uint256 amount);

    /// @notice Hands what is left to the successor that both parties signed; the factory alone calls it.
    /// @param terms The agreement's terms.
    /// @param successor The successor's id.
    /// @param to The successor's address.
    /// @param wanted The successor's whole price; what is left beyond it returns to the payer.
    /// @return carried What the successor received, in token units.
    /// @return selfAttested What the attestor alone could still have released here, in token units.
    /// @return from The state in which this agreement stood.
    function succeed(Terms calldata terms, bytes32 successor, address to, uint256 wanted)
        external
        returns (uint256 carried, uint256 selfAttested, State from);

    /// @notice The factory that opened this agreement.
    function factory() external view returns (address);

    /// @notice Where fees go.
    function feeReceiver() external view returns (address);

    /// @notice The EIP-712 digest of the terms.
    function id() external view returns (bytes32);

    /// @notice Where the agreement stands.
    /// @param terms The agreement's terms.
    function stateOf(Terms calldata terms) external view returns (State);

    /// @notice The books as they stand.
    /// @param terms The agreement's terms.
    function books(Terms calldata terms) external view returns (Books memory);

    /// @notice When each milestone was claimed, in seconds since 1970: zero where it was not, all ones where the payer
    /// contested it.
    /// @param terms The agreement's terms.
    function claimedAt(Terms calldata terms) external view returns (uint32[8] memory);
}
