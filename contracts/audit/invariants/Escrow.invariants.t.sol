// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "../test/Test.sol";
import {Handler} from "./Handler.sol";

/// @title Random lives of several agreements at once, against the ghost ledger.
contract EscrowInvariants is Test {
    Handler private _handler;

    function setUp() external {
        _handler = new Handler();
        _target(address(_handler), _moves());
    }

    function invariant_theGhostLedgerAgrees() external view {
        _handler.check();
    }

    /// @notice At the end of every run everything is left to strangers and to time.
    function afterInvariant() external {
        _handler.leaveToStrangers();
    }

    /// @notice The control: some walks make every move, so no invariant holds for want of things that happen.
    function test_everyMoveHappens() external {
        bytes4[] memory moves = _moves();
        uint256[] memory made = new uint256[](moves.length);
        for (uint256 seed = 0; seed < 1_500; ++seed) {
            if (seed % 50 == 0) (_handler) = new Handler();
            uint256 chosen = uint256(keccak256(abi.encode(seed))) % moves.length;
            (bool fine, bytes memory answer) = address(_handler).call(abi.encodeWithSelector(moves[chosen], seed));
            if (!fine) {
                assembly ("memory-safe") {
                    revert(add(answer, 0x20), mload(answer))
                }
            }
            if (seed % 50 == 49) {
                for (uint256 i = 0; i < moves.length; ++i) made[i] += _handler.made(moves[i]);
            }
        }
        for (uint256 i = 0; i < 18; ++i) {
            vm.assertGt(made[i], 0, "a move never happens");
        }
    }

    function _moves() private pure returns (bytes4[] memory moves) {
        moves = new bytes4[](23);
        (moves[0], moves[1]) = (Handler.openBatch.selector, Handler.openSupply.selector);
        (moves[2], moves[3]) = (Handler.novate.selector, Handler.claim.selector);
        (moves[4], moves[5]) = (Handler.contest.selector, Handler.approve.selector);
        (moves[6], moves[7]) = (Handler.deliver.selector, Handler.accept.selector);
        (moves[8], moves[9]) = (Handler.finalise.selector, Handler.release.selector);
        (moves[10], moves[11]) = (Handler.refund.selector, Handler.revoke.selector);
        (moves[12], moves[13]) = (Handler.cancel.selector, Handler.dispute.selector);
        (moves[14], moves[15]) = (Handler.resolve.selector, Handler.timeout.selector);
        (moves[16], moves[17]) = (Handler.split.selector, Handler.withdraw.selector);
        (moves[18], moves[19]) = (Handler.pass.selector, Handler.misopen.selector);
        (moves[20], moves[21]) = (Handler.turnAway.selector, Handler.donate.selector);
        moves[22] = Handler.claim.selector; // the others live on claims
    }
}
