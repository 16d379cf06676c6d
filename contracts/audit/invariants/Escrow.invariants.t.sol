// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "../test/Test.sol";
import {Handler} from "./Handler.sol";
import {IFiles} from "./Scene.sol";

/// @title Random lives of several agreements at once, against the ghost ledger.
contract EscrowInvariants is Test {
    /// @dev Of these moves the handler counts how often they were made; the others always are.
    uint256 private constant COUNTED = 18;
    Handler private _handler;

    function setUp() external {
        _handler = new Handler();
        _target(address(_handler), _moves());
    }

    function invariant_theGhostLedgerAgrees() external view {
        _handler.check();
    }

    /// @notice At the end of every run everything is left to strangers and to time. Then a line about the run is added
    /// to the file that `ESCROW_TALLY` names, from which the caller sees that every move happens.
    function afterInvariant() external {
        _handler.leaveToStrangers();
        IFiles files = IFiles(address(vm));
        string memory file = files.envOr("ESCROW_TALLY", string(""));
        if (bytes(file).length == 0) return;
        bytes4[] memory counted = _moves();
        assembly ("memory-safe") {
            mstore(counted, COUNTED)
        }
        files.writeLine(file, files.toString(_handler.tally(counted)));
    }

    /// @dev In the order of tests/contracts/audit/campaign.py.
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
