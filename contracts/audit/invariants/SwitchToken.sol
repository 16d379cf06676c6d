// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @notice How the token treats one receiver.
enum Mood {
    Plain,
    Reverts,
    ReturnsFalse
}

/// @title Money that remembers who sent whom how much, and that can be told to misbehave.
/// @dev The flows are what the ghost ledger is compared with: they owe nothing to the contracts' own books.
contract SwitchToken is ERC20, ERC20Permit {
    /// @notice What every sender has sent to every receiver; money that was minted is no flow.
    mapping(address from => mapping(address to => uint256)) public flow;
    /// @notice All that an account has sent.
    mapping(address from => uint256) public sent;
    /// @notice All that an account has received.
    mapping(address to => uint256) public received;
    /// @notice The sum of all flows.
    uint256 public volume;

    /// @notice Receivers that the token turns away.
    mapping(address to => Mood) public moodTowards;
    /// @notice Whether a receiver gets one unit less than was sent.
    bool public takesFee;

    /// @notice Whether the last armed call was made from within a transfer, and whether it was let in.
    bool public fired;
    bool public entered;
    address private _victim;
    bytes private _intrusion;

    /// @notice The token turned a receiver away.
    error Refused(address to);

    constructor() ERC20("Switch", "SWI") ERC20Permit("Switch") {}

    /// @notice Creates money.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice Sets how the token treats a receiver.
    function setMood(address to, Mood mood) external {
        moodTowards[to] = mood;
    }

    /// @notice Sets whether transfers cost the receiver one unit.
    function setTakesFee(bool on) external {
        takesFee = on;
    }

    /// @notice The next transfer calls `victim` once the money has moved.
    function arm(address victim, bytes calldata data) external {
        (_victim, _intrusion, fired, entered) = (victim, data, false, false);
    }

    /// @inheritdoc ERC20
    function transfer(address to, uint256 value) public override returns (bool) {
        return moodTowards[to] != Mood.ReturnsFalse && super.transfer(to, value);
    }

    /// @inheritdoc ERC20
    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        return moodTowards[to] != Mood.ReturnsFalse && super.transferFrom(from, to, value);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (from != address(0)) {
            if (moodTowards[to] == Mood.Reverts) revert Refused(to);
            flow[from][to] += value;
            sent[from] += value;
            received[to] += value;
            volume += value;
        }
        super._update(from, to, value);
        if (takesFee && value != 0) super._update(to, address(0), 1);
        if (_victim != address(0)) _intrude();
    }

    function _intrude() private {
        address victim = _victim;
        (_victim, fired) = (address(0), true);
        (entered,) = victim.call(_intrusion);
    }
}
