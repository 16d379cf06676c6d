// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Terms, Witnessed} from "../types/AgreementTypes.sol";

/// @title The eight lanes of `Terms.milestones`, and the one rounding rule.
library Milestones {
    uint256 internal constant COUNT = 8;
    uint256 internal constant FULL_BPS = 10_000;

    /// @dev The advance: credited when the agreement opens.
    uint16 internal constant OPENED = 1;
    /// @dev The retention: kept back at acceptance.
    uint16 internal constant RETAINED = 2;

    /// @notice The 32 bits of one lane; zero if empty.
    function lane(uint256 packed, uint256 index) internal pure returns (uint32) {
        return uint32(packed >> (32 * index));
    }

    /// @notice Share of the amount, in basis points.
    function bps(uint32 lane_) internal pure returns (uint256) {
        return lane_ >> 18;
    }

    /// @notice The event that proves the milestone.
    function eventCode(uint32 lane_) internal pure returns (uint16) {
        return uint16(lane_ >> 2);
    }

    /// @notice Whose signature the proof needs.
    function witnessed(uint32 lane_) internal pure returns (Witnessed) {
        return Witnessed(lane_ & 3);
    }

    /// @notice Whether the code is the contract's own: such a lane is never claimed or approved.
    function isReserved(uint16 code) internal pure returns (bool) {
        return code == OPENED || code == RETAINED;
    }

    /// @notice A part of `whole`, floored to `unit`: whoever computes a part leaves the dust in the rest.
    function part(uint256 whole, uint256 rateBps, uint256 unit) internal pure returns (uint256) {
        uint256 exact = (whole * rateBps) / FULL_BPS;
        return exact - (exact % unit);
    }

    /// @notice What one milestone releases.
    function share(Terms calldata terms, uint256 index) internal pure returns (uint256) {
        return part(terms.amount, bps(lane(terms.milestones, index)), terms.unit);
    }

    /// @notice The lane that carries a reserved code, and `COUNT` if none does.
    function find(uint256 packed, uint16 code) internal pure returns (uint256 index) {
        for (; index < COUNT; ++index) {
            if (eventCode(lane(packed, index)) == code) break;
        }
    }

    /// @notice The advance: its lane (`COUNT` if none), what leaves the rest, and the fee inside it.
    function advance(Terms calldata terms) internal pure returns (uint256 index, uint256 gross, uint256 fee) {
        index = find(terms.milestones, OPENED);
        if (index < COUNT) {
            gross = share(terms, index);
            fee = part(gross, terms.feeBps, terms.unit);
        }
    }
}
