// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Authorisation, Entry, Terms} from "../types/AgreementTypes.sol";
import {IAgreementErrors} from "./IAgreementErrors.sol";

/// @title Opens a delivery agreement together with all its supplies, or nothing.
/// @notice No owner, no pause, no upgrade: tokens, ceilings and fee receiver are fixed at deployment. The factory
/// never holds money; it moves it from a payer who sent or signed straight to where the signed terms send it.
interface IAgreementFactory is IAgreementErrors {
    /// @notice An agreement was created and funded. The whole terms are logged: nobody needs our database to move it.
    event Opened(bytes32 indexed id, address indexed agreement, bytes32 indexed parent, Terms terms);
    /// @notice Part of the delivery's advance went straight into a supply of the same batch.
    event AdvanceToSupply(bytes32 indexed deliveryId, bytes32 indexed supplyId, uint256 amount);
    /// @notice The rest of the advance went straight to the payee; its fee lies in the agreement.
    event AdvanceToPayee(bytes32 indexed id, address indexed to, uint256 amount, uint256 fee);

    /// @notice Opens a delivery without supplies.
    /// @param entry The delivery.
    /// @return agreement The clone.
    function open(Entry calldata entry) external returns (address agreement);

    /// @notice Opens one delivery and exactly `supplyCount` supplies.
    /// @param entries The delivery first, then its supplies.
    /// @return agreements The clones, in the same order.
    function openBatch(Entry[] calldata entries) external returns (address[] memory agreements);

    /// @notice Opens one more supply under a delivery that is still open: another supplier takes a failed one's place.
    /// @param entry The supply.
    /// @param lineage The delivery that `parent` names, then its successors, to the one that is open now.
    /// @return agreement The clone.
    function openSupply(Entry calldata entry, Terms[] calldata lineage) external returns (address agreement);

    /// @notice Replaces a running agreement by new terms of the same two parties; the rest of the old one pays for it.
    /// @param old The running agreement's terms.
    /// @param entries The successor, whose `replaces` is the old id, then its new supplies.
    /// @param carried The least that the old agreement must bring along, in token units.
    /// @param payer The payer's `Action` 9 for the successor's id with `carried` as data.
    /// @param payee The payee's `Action` 9 for the successor's id with the number of the old agreement's state as data.
    /// Not asked for while that is Open: terms signed before a handover must not undo it.
    /// @return agreements The clones, in the same order.
    function novate(
        Terms calldata old,
        Entry[] calldata entries,
        uint256 carried,
        Authorisation calldata payer,
        Authorisation calldata payee
    ) external returns (address[] memory agreements);

    /// @notice The EIP-712 digest of the terms: the agreement's id.
    function idOf(Terms calldata terms) external view returns (bytes32);

    /// @notice Where the agreement of these terms is or will be.
    function addressOf(Terms calldata terms) external view returns (address);

    /// @notice Whether agreements may count in this token.
    function isListed(address token) external view returns (bool);

    /// @notice The implementation behind delivery agreements.
    function deliveryImplementation() external view returns (address);

    /// @notice The implementation behind supply agreements.
    function supplyImplementation() external view returns (address);

    /// @notice Where fees go.
    function feeReceiver() external view returns (address);

    /// @notice Highest fee that terms may name.
    function feeCeilingBps() external view returns (uint16);

    /// @notice Most that the maker's own evidence may release, advance included.
    function selfAttestedBps() external view returns (uint16);
}
