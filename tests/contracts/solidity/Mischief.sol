// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice What such a token does when money moves to `victim`, or to anybody if that is zero.
enum Mode {
    Honest,
    Refuses,
    ReturnsFalse,
    ReturnsNothing,
    TakesFee,
    Mints,
    LiesAboutBalance,
    BurnsAllGas,
    CallsBack,
    CallsReceiver
}

interface IReceiver {
    function tokensReceived() external;
}

/// @title A token that nobody should list, one kind of mischief at a time.
contract Mischief is ERC20 {
    Mode public mode;
    address public victim;
    address public target;
    bytes public data;
    /// @notice How often the call of `CallsBack` went through.
    uint256 public succeeded;
    /// @notice How often it was tried.
    uint256 public tried;
    bool private _calling;

    constructor() ERC20("Mischief", "MIS") {}

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice A rebase downwards: a balance shrinks without a transfer.
    function shrink(address owner, uint256 amount) external {
        _burn(owner, amount);
    }

    function behave(Mode mode_, address victim_) external {
        (mode, victim) = (mode_, victim_);
    }

    /// @notice What `CallsBack` calls in the middle of a transfer.
    function callBack(address target_, bytes calldata data_) external {
        (target, data) = (target_, data_);
    }

    function balanceOf(address owner) public view override returns (uint256) {
        uint256 balance = super.balanceOf(owner);
        return _concerns(Mode.LiesAboutBalance, owner) ? balance / 2 : balance;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        _before(to);
        if (_concerns(Mode.ReturnsFalse, to)) return false;
        super.transfer(to, amount);
        _after(to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _before(to);
        if (_concerns(Mode.ReturnsFalse, to)) return false;
        super.transferFrom(from, to, amount);
        _after(to, amount);
        return true;
    }

    function _before(address to) private view {
        require(!_concerns(Mode.Refuses, to), "refused");
        if (_concerns(Mode.BurnsAllGas, to)) {
            assembly {
                invalid()
            }
        }
    }

    function _after(address to, uint256 amount) private {
        if (_concerns(Mode.TakesFee, to)) _burn(to, amount / 100);
        if (_concerns(Mode.Mints, to)) _mint(to, amount);
        if (_concerns(Mode.CallsReceiver, to) && to.code.length != 0) IReceiver(to).tokensReceived();
        if (_concerns(Mode.CallsBack, to) && !_calling) {
            _calling = true;
            ++tried;
            (bool success,) = target.call(data);
            if (success) ++succeeded;
            _calling = false;
        }
        if (_concerns(Mode.ReturnsNothing, to)) {
            assembly {
                return(0, 0)
            }
        }
    }

    function _concerns(Mode mode_, address to) private view returns (bool) {
        return mode == mode_ && (victim == address(0) || victim == to);
    }
}

/// @title A party that is a contract: signs whatever it is asked (ERC-1271), and calls back when money arrives.
contract Reentrant {
    address[] public targets;
    bytes[] public calls;
    uint256 public tried;

    /// @notice One more call to try whenever money arrives.
    function prepare(address target, bytes calldata data) external {
        targets.push(target);
        calls.push(data);
    }

    /// @notice The same call at once, as this contract.
    function call(address target, bytes calldata data) external {
        (bool success,) = target.call(data);
        require(success, "failed");
    }

    function tokensReceived() external {
        for (uint256 i = 0; i < calls.length; ++i) {
            ++tried;
            (bool success,) = targets[i].call(calls[i]);
            success; // Refused or not: what counts is where the money is in the end.
        }
    }

    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return 0x1626ba7e;
    }
}
