// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Authorisation, Books, Evidence, Party, Reason, State, Terms} from "../types/AgreementTypes.sol";
import {IAgreementErrors} from "./IAgreementErrors.sol";

/// @title One agreement: holds its own money and moves it only between the addresses of its terms.
/// @notice Every call carries the terms; the clone knows their digest. Each move first pays the claims that nobody
/// contested in time. A clock is inclusive for the one it protects; the move after it starts one second later.
interface IAgreement is IAgreementErrors {
    /// @notice The state changed.
    event StateChanged(bytes32 indexed id, State from, State to);
    /// @notice A proof of the milestone was accepted; unless contested, its share is paid after `maturesAfter`.
    event Claimed(bytes32 indexed id, uint256 indexed milestone, uint256 maturesAfter, bytes32 payloadHash);
    /// @notice The payer refused a claim: its share stays with the rest.
    event Contested(bytes32 indexed id, uint256 indexed milestone);
    /// @notice The goods were handed over; lateness is settled by this block.
    event Delivered(bytes32 indexed id, uint256 at, uint256 penalty);
    /// @notice Money moved from `left` to the parties' dues. `milestone` is 255 where no single one is meant.
    event Credited(
        bytes32 indexed id, Reason indexed reason, uint256 milestone, uint256 toPayee, uint256 fee, uint256 toPayer
    );
    /// @notice A due left the contract.
    event Withdrawn(bytes32 indexed id, Party indexed party, address indexed to, uint256 amount);

    /// @notice Writes the first books; called once by the factory, in the transaction that funds the clone.
    /// @param terms The agreement's terms.
    /// @param spent How much of the advance funds supplies of the same batch.
    function open(Terms calldata terms, uint256 spent) external;

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

    /// @notice The recipient's secret proves the handover. Anyone may send it.
    /// @param terms The agreement's terms.
    /// @param secret The 32 bytes behind `terms.handover`.
    function deliveredBySecret(Terms calldata terms, bytes32 secret) external;

    /// @notice The carrier's signature proves the handover.
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

    /// @notice Pushes a credited due to its owner's fixed address. Anyone may send it.
    /// @param terms The agreement's terms.
    /// @param party Whose due.
    /// @return amount What was paid, in token units.
    function withdraw(Terms calldata terms, Party party) external returns (uint256 amount);

    /// @notice The factory that opened this agreement.
    function factory() external view returns (address);

    /// @notice Where fees go.
    function feeReceiver() external view returns (address);

    /// @notice The EIP-712 digest of the terms.
    function id() external view returns (bytes32);

    /// @notice The books as stored: mature claims that no move has swept yet are still in `left`.
    function books() external view returns (Books memory);

    /// @notice When each milestone was claimed, in seconds since 1970; zero where it was not.
    function claimedAt() external view returns (uint32[8] memory);
}
