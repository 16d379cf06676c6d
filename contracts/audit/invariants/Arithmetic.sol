// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Terms, Witnessed} from "../../src/types/AgreementTypes.sol";

/// @title The rules' arithmetic once more, from the text of the rules and in another form than the contracts'.
library Arithmetic {
    uint256 internal constant LANES = 8;
    uint256 internal constant NONE = 8;
    uint16 internal constant OPENED = 1;
    uint16 internal constant RETAINED = 2;

    /// @dev Whole cents of the share.
    function part(Terms memory terms, uint256 whole, uint256 bps) internal pure returns (uint256) {
        return whole * bps / (10_000 * uint256(terms.unit)) * terms.unit;
    }

    function bpsOf(Terms memory terms, uint256 lane) internal pure returns (uint256) {
        return (terms.milestones >> (32 * lane + 18)) & 0x3FFF;
    }

    function codeOf(Terms memory terms, uint256 lane) internal pure returns (uint16) {
        return uint16(terms.milestones >> (32 * lane + 2));
    }

    function whoOf(Terms memory terms, uint256 lane) internal pure returns (Witnessed) {
        return Witnessed((terms.milestones >> (32 * lane)) & 3);
    }

    function shareOf(Terms memory terms, uint256 lane) internal pure returns (uint256) {
        return part(terms, terms.amount, bpsOf(terms, lane));
    }

    /// @dev Whether evidence or the payer can release the lane.
    function isWork(Terms memory terms, uint256 lane) internal pure returns (bool) {
        return lane < LANES && codeOf(terms, lane) > RETAINED;
    }

    /// @dev Whether the maker's gateway alone can release the lane.
    function isSelfAttested(Terms memory terms, uint256 lane) internal pure returns (bool) {
        return isWork(terms, lane) && whoOf(terms, lane) == Witnessed.Attestor;
    }

    function laneOf(Terms memory terms, uint16 code) internal pure returns (uint256 lane) {
        while (lane < LANES && codeOf(terms, lane) != code) ++lane;
    }

    /// @dev What the payee gets when the agreement opens, fee included.
    function advanceOf(Terms memory terms) internal pure returns (uint256) {
        uint256 lane = laneOf(terms, OPENED);
        return lane == NONE ? 0 : shareOf(terms, lane);
    }

    function retentionOf(Terms memory terms) internal pure returns (uint256) {
        uint256 lane = laneOf(terms, RETAINED);
        return lane == NONE ? 0 : shareOf(terms, lane);
    }

    function feeOf(Terms memory terms, uint256 gross) internal pure returns (uint256) {
        return part(terms, gross, terms.feeBps);
    }

    /// @dev The deduction for a delivery at `at`, before the limit of what is left.
    function penaltyOf(Terms memory terms, uint256 at) internal pure returns (uint256) {
        if (at <= terms.deliverBy) return 0;
        uint256 daysLate = (at - terms.deliverBy + 86_399) / 86_400;
        uint256 bps = daysLate * terms.penaltyBpsPerDay;
        return part(terms, terms.amount, bps < terms.penaltyCapBps ? bps : terms.penaltyCapBps);
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }
}
