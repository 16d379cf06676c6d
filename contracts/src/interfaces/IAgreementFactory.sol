// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Entry, Terms} from "../types/AgreementTypes.sol";
import {IAgreementErrors} from "./IAgreementErrors.sol";

/// @title Opens a delivery agreement together with all its supplies, or nothing.
/// @notice No owner, no pause, no upgrade: tokens, ceilings and fee receiver are fixed at deployment. The factory
/// never holds money; it moves it from a payer who sent or signed straight into the clone.
interface IAgreementFactory is IAgreementErrors {
    /// @notice An agreement was created and funded. The whole terms are logged: nobody needs our database to move it.
    event Opened(bytes32 indexed id, address indexed agreement, bytes32 indexed parent, Terms terms);
    /// @notice Part of the delivery's advance went straight into a supply of the same batch.
    event AdvanceToSupply(bytes32 indexed deliveryId, bytes32 indexed supplyId, uint256 amount);

    /// @notice Opens one delivery and exactly `supplyCount` supplies.
    /// @param entries The delivery first, then its supplies.
    /// @return agreements The clones, in the same order.
    function openBatch(Entry[] calldata entries) external returns (address[] memory agreements);

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
