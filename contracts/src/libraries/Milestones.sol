// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Terms, Witnessed} from "../types/AgreementTypes.sol";

/// @title The eight lanes of `Terms.milestones`, and the one rounding rule.
library Milestones {
    uint256 internal constant COUNT = 8;
    uint256 internal constant FULL_BPS = 10_000;

    /// @dev The advance: paid when the agreement opens. Only the first lane may carry it.
    uint16 internal constant OPENED = 1;
    /// @dev The retention: kept back at acceptance.
    uint16 internal constant RETAINED = 2;

    /// @notice The 32 bits of one lane; zero if empty.
    function lane(uint256 packed, uint256 index) internal pure returns (uint32) {
        unchecked {
            return uint32(packed >> (32 * index));
        }
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
        // No overflow: amounts have 96 bits, rates 16. The unit of open terms is not zero.
        unchecked {
            uint256 exact = (whole * rateBps) / FULL_BPS;
            return exact - (exact % unit);
        }
    }

    /// @notice What one milestone releases.
    function share(Terms calldata terms, uint256 index) internal pure returns (uint256) {
        return part(terms.amount, bps(lane(terms.milestones, index)), terms.unit);
    }

    /// @notice The lane that carries a code, and `COUNT` if none does.
    function find(uint256 packed, uint16 code) internal pure returns (uint256 index) {
        unchecked {
            for (; packed != 0; (++index, packed >>= 32)) {
                if (uint16(packed >> 2) == code) return index;
            }
        }
        return COUNT;
    }

    /// @notice The advance, which only the first lane can be: what leaves the rest, and the fee inside it.
    function advance(Terms memory terms) internal pure returns (uint256 gross, uint256 fee) {
        if (hasAdvance(terms.milestones)) {
            gross = part(terms.amount, bps(uint32(terms.milestones)), terms.unit);
            fee = part(gross, terms.feeBps, terms.unit);
        }
    }

    /// @notice Whether the first lane is paid when the agreement opens.
    function hasAdvance(uint256 packed) internal pure returns (bool) {
        return eventCode(uint32(packed)) == OPENED;
    }

    /// @notice What the attestor's word alone can release, in token units, but for the lanes in `released`.
    function selfAttested(uint256 packed, uint256 amount, uint256 unit, uint256 released)
        internal
        pure
        returns (uint256 sum)
    {
        for (uint256 i = 0; packed != 0; (++i, packed >>= 32)) {
            uint32 lane_ = uint32(packed);
            if (lane_ == 0 || released & (1 << i) != 0 || isReserved(eventCode(lane_))) continue;
            if (witnessed(lane_) == Witnessed.Attestor) sum += part(amount, bps(lane_), unit);
        }
    }
}
