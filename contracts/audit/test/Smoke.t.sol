// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Milestones} from "../../src/libraries/Milestones.sol";
import {Test} from "./Test.sol";

/// @notice The one rounding rule: a part is floored to the unit, so that whoever computes it leaves the dust behind.
contract SmokeTest is Test {
    function testFuzz_aPartIsTheLargestMultipleOfTheUnitUnderTheExactShare(uint96 whole, uint16 rateBps, uint96 unit)
        external
        pure
    {
        uint256 rate = _bound(rateBps, 0, Milestones.FULL_BPS);
        uint256 cent = _bound(unit, 1, type(uint96).max);
        uint256 part = Milestones.part(whole, rate, cent);
        vm.assertEq(part % cent, 0, "not a multiple of the unit");
        vm.assertLe(part * Milestones.FULL_BPS, uint256(whole) * rate, "more than the exact share");
        vm.assertGt((part + cent) * Milestones.FULL_BPS, uint256(whole) * rate, "a whole unit was lost");
    }
}
